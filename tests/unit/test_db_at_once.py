"""Writes that wait for nobody, and writes that are not synced."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from tests.unit.notes import adding, schema


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
    await db.write(adding("durable"), short=True)
    assert len(took) == 1
    await db.close()
