"""Clients of the live WebSocket that ask for more than they read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError

from studio.services.feed import MAX_WAITING
from studio.services.news import Topic
from studio.web.ws_api import MAX_COMMANDS
from tests.api.live_house import LiveHouse, open_live_house, submit
from tests.faults.deaf import deaf, hear, say


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    async with open_live_house(tmp_path) as opened:
        yield opened


async def test_snapshots_are_made_only_as_fast_as_they_are_read(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.web.ws_api.COMMANDS_S", 0.0)
    feed = house.studio.live.feed
    async with house.client("owner") as program:
        for _ in range(40):
            await submit(program)
    asked = 2 * MAX_WAITING
    with contextlib.closing(await deaf(house)) as sock:
        await say(sock, *['{"type":"subscribe","topics":["jobs"]}'] * asked)
        async with house.listen("owner") as other:
            for _ in range(20):
                await other.barrier()
                await asyncio.sleep(0.05)
            assert feed.readers == 2
        async with asyncio.timeout(60):
            await hear(sock, b'"type":"snapshot"', times=asked)


async def test_a_flood_of_commands_waits_and_others_are_answered(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.web.ws_api.COMMANDS_S", 3600.0)
    async with house.listen("owner") as flood:
        for _ in range(1000):
            await flood.say(type="ping")
        async with house.listen("owner") as other:
            await other.barrier()
        with pytest.raises(TimeoutError):
            await flood.until(lambda _: False, timeout_s=1.0)
        # Its goodbye would not be heard either.
        house.studio.live.feed.stop()
    assert [one["type"] for one in flood.messages] == ["hello"] + ["pong"] * MAX_COMMANDS


async def test_a_second_resume_on_a_connection_is_answered_with_a_snapshot(
    house: LiveHouse,
) -> None:
    feed = house.studio.live.feed
    async with house.listen("owner") as client:
        start = client.last
        feed.tell(Topic.DOWNLOADS, "changed", {})
        for _ in range(2):
            await client.subscribe("downloads", after=start)
        await client.barrier()
    assert [one["type"] for one in client.messages] == ["hello", "event", "snapshot", "pong"]


async def test_a_user_who_opens_too_many_locks_out_nobody_else(house: LiveHouse) -> None:
    async with contextlib.AsyncExitStack() as closing:
        for _ in range(50):
            await closing.enter_async_context(house.listen("anna"))
        with pytest.raises(ConnectionClosedError) as refused:
            await closing.enter_async_context(house.listen("anna"))
        assert refused.value.rcvd is not None
        assert refused.value.rcvd.code == 1013
        assert refused.value.rcvd.reason == "50 clients of yours listen already."
        ben = await closing.enter_async_context(house.listen("ben"))
        await ben.barrier()
