"""The diary of the house: in order, trimmed, and safe from what is written into it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import DiskFull
from studio.models import OWNER_ID, ROLE_SCOPES, Identity, Role
from studio.services.activity import MAX_WAITING, Activity
from studio.store import activity as rows
from studio.store.activity import ActivityFilter, ActivityStore, Entry
from studio.store.db import Database
from studio.store.migrations import migrate

OWNER = Identity(OWNER_ID, Role.OWNER, ROLE_SCOPES[Role.OWNER])
EVERYTHING = ActivityFilter(limit=500)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "studio.db")

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)

    await opened.open(prepare)
    yield opened
    await opened.close()


@pytest.fixture
def activity(db: Database) -> Activity:
    return Activity(store=ActivityStore(db), clock=FrozenClock())


async def test_entries_are_told_once_they_are_stored_and_in_order(activity: Activity) -> None:
    told: list[Entry] = []
    complete = asyncio.Event()

    def hear(entry: Entry) -> None:
        told.append(entry)
        if len(told) == 450:
            complete.set()

    activity.on_stored(hear)
    task = asyncio.create_task(activity.run())
    for number in range(450):
        activity.record(OWNER_ID, "queue.paused", str(number))
    await complete.wait()
    task.cancel()
    assert [entry.subject for entry in told] == [str(number) for number in range(450)]
    assert [entry.seq for entry in told] == list(range(1, 451))
    assert {entry.user_name for entry in told} == {"owner"}


async def test_only_the_latest_are_kept(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 10)
    store = ActivityStore(db)
    for number in range(7):
        await store.add([Entry(number, None, "a.b", f"{number}.{part}") for part in range(3)])
    kept = await store.page(EVERYTHING)
    assert [entry.seq for entry in kept] == list(range(21, 11, -1))


async def test_what_is_too_much_is_cut_and_half_characters_are_replaced(
    activity: Activity,
) -> None:
    activity.record(None, "a.b", "x" * 1000 + "\ud800", text="\udcff", many=[1, 2, 3], none=None)
    [entry] = await activity.page(OWNER, EVERYTHING)
    assert entry.subject == "x" * 200
    assert entry.data == {"text": "?", "many": 3, "none": None}


async def test_a_flood_keeps_the_latest_and_bounded_memory(activity: Activity) -> None:
    for number in range(MAX_WAITING + 500):
        activity.record(None, "a.b", str(number))
    found = await activity.page(OWNER, EVERYTHING)
    assert found[0].subject == str(MAX_WAITING + 499)
    assert found[0].seq == MAX_WAITING


async def test_a_kind_with_a_dot_at_its_end_means_all_that_begin_so(activity: Activity) -> None:
    for kind in ("queue.paused", "queues.x", "queue", "queue.resumed", "key.created"):
        activity.record(None, kind, "")
    found = await activity.page(OWNER, ActivityFilter(kind="queue."))
    assert [entry.kind for entry in found] == ["queue.resumed", "queue.paused"]


class FullOnce(ActivityStore):
    """A store whose disk is full at the first try."""

    tried = False

    async def add(self, entries: Sequence[Entry]) -> list[Entry]:
        if not self.tried:
            self.tried = True
            raise DiskFull("There is no room.")
        return await super().add(entries)


async def test_what_was_waiting_is_kept_while_the_disk_is_full(db: Database) -> None:
    activity = Activity(store=FullOnce(db), clock=FrozenClock())
    for subject in ("first", "second"):
        activity.record(None, "a.b", subject)
    with pytest.raises(DiskFull):
        await activity.store()
    activity.record(None, "a.b", "third")
    found = await activity.page(OWNER, EVERYTHING)
    assert [entry.subject for entry in found] == ["third", "second", "first"]
