"""Databases full of jobs, written through the stores while no Studio runs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sqlite3
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final, TypeVar

import orjson
from PIL import Image

from benchmarks.workload import graph
from studio.clock import Clock, new_id
from studio.models import OWNER_ID, Asset, Job, JobStatus, NewJob, OutputType
from studio.paths import private_folder
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.settings import DAY_MS
from studio.store.assets import AssetStore, insert_output
from studio.store.blobs import BlobStore
from studio.store.db import Database
from studio.store.jobs import JobStore
from studio.store.prefs import PrefStore
from studio.store.snapshots import preparation

T = TypeVar("T")

COMMON_WORD: Final = "painting"
RARE_WORD: Final = "heron499"
_BATCH: Final = 500
_CLASSES: Final = frozenset({"EmptyImage", "SaveImage"})


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(out, "PNG")
    return out.getvalue()


_PICTURE: Final = _picture()


def waiting_job(number: int, now_ms: int, *, affinity: str = "", user_id: str = OWNER_ID) -> Job:
    """A job that waits at place ``number``."""
    return Job(
        id=new_id(),
        user_id=user_id,
        status=JobStatus.QUEUED,
        created_at=now_ms,
        rank=float(number),
        priority=0,
        graph_key=f"graph-{number % 50}",
        affinity_key=affinity,
        classes=_CLASSES,
        models=(),
        paid=False,
    )


async def seed_queue(folder: Path, count: int) -> list[str]:
    """A STUDIO_DIR with a paused queue of ``count`` jobs; returns their ids in order."""
    now_ms = Clock().now_ms()
    jobs = [waiting_job(number, now_ms) for number in range(1, count + 1)]
    async with _stores(folder) as (db, store, _):
        await QueueControl(queue=JobQueue(), prefs=PrefStore(db), wake=lambda: None).pause()
        for batch in _batches(jobs):
            await asyncio.gather(*(_insert(store, job, "") for job in batch))
    return [job.id for job in jobs]


async def seed_history(folder: Path, count: int, *, outputs: int = 1) -> None:
    """A STUDIO_DIR with ``count`` succeeded jobs of some outputs each, over the past 90 days.

    Every prompt has COMMON_WORD, one in 500 has RARE_WORD.
    """
    now_ms = Clock().now_ms()
    async with _stores(folder) as (db, store, blobs):
        writer = blobs.writer()
        writer.write(_PICTURE)
        staged = writer.finish()
        blobs.publish(staged)
        numbers = range(count)
        for batch in _batches(numbers):
            work = []
            for number in batch:
                at_ms = now_ms - 90 * DAY_MS * (count - number) // count
                job = _finished_job(number, at_ms)
                made = [_output(job, staged.hash, index) for index in range(outputs)]
                work.append(_store_finished(db, store, job, number, made))
            await asyncio.gather(*work)


def prompt(number: int) -> str:
    """About thirty words, some of them shared with few or with many other prompts."""
    words = " ".join(f"word{number * 7 % (97 + place)}" for place in range(25))
    return f"a {COMMON_WORD} of a heron{number % 500} near the sea, {words}"


def _finished_job(number: int, at_ms: int) -> Job:
    return Job(
        id=new_id(),
        user_id=OWNER_ID,
        status=JobStatus.SUCCEEDED,
        created_at=at_ms,
        started_at=at_ms + 100,
        completed_at=at_ms + 4_000,
        rank=float(number),
        priority=0,
        graph_key=f"graph-{number % 50}",
        affinity_key="",
        classes=_CLASSES,
        models=(("CheckpointLoaderSimple", "ckpt_name", f"model-{number % 12}.safetensors"),),
        paid=False,
        prompt_id=new_id(),
        attempt=1,
    )


def _output(job: Job, blob_hash: str, index: int) -> Asset:
    return Asset(
        id=new_id(),
        user_id=job.user_id,
        hash=blob_hash,
        size_bytes=len(_PICTURE),
        content_type="image/png",
        file_path=f"output/{job.id}.png",
        created_at=job.created_at,
        job_id=job.id,
        node_id="2",
        output_index=index,
        output_type=OutputType.IMAGE,
    )


async def _store_finished(
    db: Database, store: JobStore, job: Job, number: int, outputs: list[Asset]
) -> None:
    def add_outputs(connection: sqlite3.Connection) -> None:
        for output in outputs:
            insert_output(connection, output)

    ends_at = (job.completed_at or job.created_at) + 365 * DAY_MS
    await asyncio.gather(
        _insert(store, job, prompt(number)),
        store.finish(job, expires_at=ends_at, duration_ms=3_900, outputs=[]),
        db.write(add_outputs),
    )


async def _insert(store: JobStore, job: Job, prompt_text: str) -> None:
    await store.insert(NewJob(job, orjson.dumps(graph()), prompt_text))


@contextlib.asynccontextmanager
async def _stores(folder: Path) -> AsyncIterator[tuple[Database, JobStore, BlobStore]]:
    clock = Clock()
    private_folder(folder)
    backups = private_folder(private_folder(folder / "db") / "backups")
    blobs = BlobStore(folder / "assets")
    db = Database(folder / "db" / "studio.db")
    await db.open(preparation(backups, clock))
    try:
        yield db, JobStore(db, AssetStore(db, blobs, clock)), blobs
    finally:
        await db.close()


def _batches(items: Iterable[T]) -> Iterable[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
