"""Jobs with their outputs, written into a database before its Studio starts, and a look at them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from studio.clock import FrozenClock, new_id
from studio.graphs.facts import describe
from studio.models import (
    OWNER_ID,
    ROLE_SCOPES,
    Asset,
    Identity,
    Job,
    JobStatus,
    NewJob,
    OutputType,
    Role,
)
from studio.paths import private_folder
from studio.settings import DAY_MS
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.db import Database
from studio.store.jobs import JobStore
from studio.store.snapshots import preparation
from tests.api.graphs import Graph, fresh_png, text_to_image
from tests.api.house import House

NOW_MS = FrozenClock().now_ms()
WAIT_S = 30.0


@dataclass
class Shelf:
    """The stores of a house that is not open."""

    db: Database
    blobs: BlobStore
    jobs: JobStore
    ids: list[str] = field(default_factory=list)

    async def add_user(self, name: str) -> None:
        """A member whose id is their name."""
        await self.db.write(
            lambda connection: connection.execute(
                "INSERT INTO users (id, name, name_key, role, created_at)"
                " VALUES (?, ?, ?, 'member', 1)",
                (name, name, name),
            )
        )

    async def add(
        self,
        text: str = "a red fox",
        *,
        user_id: str = OWNER_ID,
        graph: Graph | None = None,
        outputs: int = 1,
        data: bytes | None = None,
        content_type: str = "image/png",
        days_ago: float = 0,
        **fields: Any,
    ) -> list[str]:
        """A job that succeeded; the ids of its outputs, which come from node 7."""
        graph = graph or text_to_image(text)
        facts = describe(graph, None)
        at_ms = NOW_MS - int(days_ago * DAY_MS)
        job = Job(
            id=new_id(),
            user_id=user_id,
            status=JobStatus.SUCCEEDED,
            created_at=at_ms,
            started_at=at_ms,
            completed_at=at_ms,
            rank=at_ms,
            priority=0,
            graph_key=facts.graph_key,
            affinity_key=facts.affinity_key,
            classes=facts.classes,
            models=facts.models,
            paid=False,
            **fields,
        )
        await self.jobs.insert(NewJob(job, orjson.dumps(graph), facts.prompt_text))
        made = []
        for index in range(outputs):
            staged = self.blobs.keep(fresh_png() if data is None else data)
            asset = Asset(
                id=new_id(),
                user_id=user_id,
                hash=staged.hash,
                size_bytes=staged.size_bytes,
                content_type=content_type,
                file_path=f"picture_{index + 1:05}_.png",
                created_at=at_ms,
                job_id=job.id,
                node_id="7",
                output_index=index,
                output_type=OutputType.IMAGE,
            )
            made.append((asset, staged))
        await self.jobs.finish(job, expires_at=NOW_MS + 365 * DAY_MS, duration_ms=1, outputs=made)
        ids = [asset.id for asset, _ in made]
        self.ids += ids
        return ids


@contextlib.asynccontextmanager
async def shelf(folder: Path) -> AsyncIterator[Shelf]:
    """The stores of the house that ``open_house`` opens in ``folder`` afterwards."""
    root = private_folder(private_folder(folder) / "house")
    backups = private_folder(private_folder(root / "db") / "backups")
    blobs = BlobStore(root / "assets")
    db = Database(root / "db" / "studio.db")
    await db.open(preparation(backups, FrozenClock()))
    try:
        yield Shelf(db, blobs, JobStore(db, AssetStore(db, blobs)))
    finally:
        await db.close()


async def indexed(client: httpx.AsyncClient, count: int, **query: Any) -> list[dict[str, Any]]:
    """The page of a library, once it has ``count`` files."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = await page(client, **query)
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, f"{len(found)} files, not {count}"
        await asyncio.sleep(0.02)


async def page(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """One page of the library."""
    answer = await client.get("/api/library", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def found(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The ids of one page, sorted."""
    return sorted(one["id"] for one in await page(client, **query))


async def act(
    client: httpx.AsyncClient, ids: list[str], action: str, value: Any = None
) -> dict[str, Any]:
    """What an action on many files answered."""
    body = {"ids": ids, "action": action, "value": value}
    answer = await client.post("/api/library/actions", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def key_of(house: House, user_id: str) -> str:
    """A key of a member's."""
    identity = Identity(user_id, Role.MEMBER, ROLE_SCOPES[Role.MEMBER])
    _, token = await house.accounts.auth.create(
        identity, name="test", scopes=None, expires_in_days=1
    )
    return token
