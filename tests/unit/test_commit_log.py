"""When the log of the database is synced: with a commit, after it, or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from studio.errors import StorageUnavailable
from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from tests.unit.notes import adding, hold, schema, texts


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which file each sync of our own was for."""
    files: list[str] = []
    sync = os.fdatasync

    def note(handle: int) -> None:
        files.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", note)
    return files


async def test_what_was_written_without_a_sync_is_synced_when_somebody_asks(
    db: Database, synced: list[str]
) -> None:
    await db.write(adding("quick"), durable=False, short=True)
    assert synced == []
    await db.sync()
    assert synced == [f"{db.path}-wal"]


async def test_a_sync_shares_the_commit_of_whatever_is_written_with_it(
    db: Database, synced: list[str]
) -> None:
    release = threading.Event()
    held = await hold(db, release)
    together = asyncio.gather(db.sync(), db.write(adding("durable")))
    await asyncio.sleep(0)
    release.set()
    await together
    await held
    assert synced == []


async def test_a_sync_that_fails_is_told_and_the_next_one_opens_the_log_anew(
    db: Database, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(db._outage, "_wait_s", 0.0)
    await db.write(adding("quick"), durable=False)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageUnavailable):
            await db.sync()
    assert db.fault is not None
    await db.write(adding("next"), durable=False)
    await db.sync()
    assert synced == [f"{db.path}-wal"]
    assert await db.read(texts) == ["quick", "next"]


async def test_a_halted_database_syncs_nothing(db: Database, synced: list[str]) -> None:
    await db.write(adding("quick"), durable=False)
    db.halt("Another Studio holds this volume.")
    with pytest.raises(StorageUnavailable, match="Another Studio"):
        await db.sync()
    assert synced == []


async def test_a_write_that_waits_for_nobody_is_stored_before_anything_else_happens(
    db: Database,
) -> None:
    commits = db.commits
    writing = db.write(adding("now"), short=True, at_once=True)
    with pytest.raises(StopIteration) as done:
        # One step: it asks the event loop for nothing.
        writing.send(None)
    assert done.value.value == 1
    assert db.commits == commits + 1


async def test_a_write_that_waits_for_nobody_takes_those_along_that_wait(db: Database) -> None:
    waiting = asyncio.create_task(db.write(adding("patient"), short=True, patient=True))
    await asyncio.sleep(0)
    commits = db.commits
    await db.write(adding("now"), short=True, at_once=True)
    assert await waiting == 1
    assert db.commits == commits + 1


async def test_writes_without_a_sync_do_not_make_a_slow_disk_look_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took: list[float] = []
    monkeypatch.setattr(DiskSpeed, "took", lambda _, seconds: took.append(seconds))
    db = Database(tmp_path / "studio.db")
    await db.open(schema)
    await db.write(adding("quick"), durable=False, short=True)
    assert took == []
    await db.sync()
    await db.write(adding("durable"), short=True)
    assert len(took) == 2
    await db.close()
