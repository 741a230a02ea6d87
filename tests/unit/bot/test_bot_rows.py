"""Rows of the outbox: what waits for nobody ends, what is over goes, what changes finds its own."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from studio.settings import DAY_MS
from studio.telegram_records import Outgoing
from tests.fakes.asset_app import ANN, Library
from tests.unit.bot.lines import CHAT, Line, open_line

FULL: dict[str, Any] = {"level": "full", "free_bytes": 1 << 29}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for what looks now and then."""
    monkeypatch.setattr("studio.bot.notices.LOOK_S", 0.01)
    monkeypatch.setattr("studio.bot.notices.DISK_S", 0.05)


async def test_what_was_sent_is_forgotten_after_days_though_nothing_is_heard(line: Line) -> None:
    await line.post(Outgoing(text="old"))
    await line.until_rows((None, "old"))
    line.library.clock.advance(4 * DAY_MS / 1000)
    async with line.telling():
        await line.until_rows()


async def test_what_waits_for_a_bot_that_there_is_not_ends_and_is_forgotten(
    library: Library,
) -> None:
    async with open_line(library, token=None) as line:
        await line.post(Outgoing(text="nobody sends this"))
        async with line.telling():
            library.clock.advance(2 * DAY_MS / 1000)
            await line.post(Outgoing(text="nor this"))
            library.clock.advance(2 * DAY_MS / 1000)
        async with line.telling():
            await line.until_rows(("unavailable", "nobody sends this"))
        library.clock.advance(4 * DAY_MS / 1000)
        async with line.telling():
            await line.until_rows(("unavailable", "nor this"))
        assert line.telegram.messages == []


@pytest.mark.parametrize(
    ("status", "description"),
    [(403, "Forbidden: bot was blocked by the user"), (400, "Bad Request: chat not found")],
)
async def test_what_waits_for_a_chat_that_is_gone_ends_and_is_forgotten(
    line: Line, status: int, description: str
) -> None:
    line.telegram.refuse("sendMessage", status, description)
    line.telegram.stuck.add(("sendMessage", CHAT))
    await line.post(Outgoing(text="one"))
    await line.until(lambda: len(line.telegram.asked("sendMessage")) == 1)
    await line.post(Outgoing(text="two"), Outgoing(text="three"))
    line.telegram.stuck.clear()
    await line.until_rows(("blocked", "one"), ("blocked", "two"), ("blocked", "three"))
    [person] = await line.people.chats(ANN)
    assert person.blocked_at is not None
    assert line.telegram.messages == []
    line.library.clock.advance(4 * DAY_MS / 1000)
    async with line.telling():
        await line.until_rows()


async def test_what_changes_a_message_that_is_on_its_way_changes_that_one(line: Line) -> None:
    line.telegram.stuck.add(("sendMessage", CHAT))
    await line.post(Outgoing(text="accepted", run_id="run"))
    await line.until(lambda: len(line.telegram.asked("sendMessage")) == 1)
    await line.post(Outgoing(text="done", follows="run"), Outgoing(text="another"))
    line.telegram.stuck.clear()
    await line.until_rows((None, "accepted"), (None, "done"), (None, "another"))
    assert [message.text for message in line.telegram.messages] == ["done", "another"]
    assert line.telegram.messages[0].edits == ["accepted"]


async def test_an_older_studio_can_read_what_waits(line: Line) -> None:
    line.telegram.stuck.add(("sendMessage", CHAT))
    await line.post(Outgoing(text="accepted", run_id="run"), Outgoing(text="done", follows="run"))
    bodies = await line.library.db.read(
        lambda connection: [
            orjson.loads(row["body"])
            for row in connection.execute("SELECT body FROM telegram_outbox")
        ]
    )
    line.telegram.stuck.clear()
    await line.until_rows((None, "accepted"), (None, "done"))
    assert [set(body) for body in bodies] == [
        {"text", "buttons", "asset_ids", "user_id", "edits", "run_id"}
    ] * 2


async def test_a_disk_that_fills_up_is_told_of_once_each_time(line: Line) -> None:
    [person] = await line.people.chats(ANN)
    await line.library.db.write(
        lambda connection: connection.execute(
            "UPDATE telegram_pairings SET notify_disk = 1 WHERE id = ?", (person.id,)
        )
    )
    full, looks = True, 0

    async def disks() -> list[dict[str, Any]]:
        nonlocal looks
        looks += 1
        return [FULL] if full else []

    async def looked(times: int) -> None:
        before = looks
        while looks < before + times:
            line.library.clock.advance(1)
            await asyncio.sleep(0.01)

    async with line.telling(disks):
        await looked(4)
        await line.until(lambda: len(line.telegram.messages) == 1)
        full = False
        await looked(3)
        full = True
        await looked(4)
        await line.until(lambda: len(line.telegram.messages) == 2)
    assert {message.text for message in line.telegram.messages} == {
        "The disk is nearly full: 512 MiB left."
    }
