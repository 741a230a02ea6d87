"""Clients of the live WebSocket that ask for more than they read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.services.feed import MAX_WAITING
from tests.api.live_house import LiveHouse, open_live_house, submit
from tests.faults.deaf import deaf, hear, say


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    async with open_live_house(tmp_path) as opened:
        yield opened


async def test_snapshots_are_made_only_as_fast_as_they_are_read(house: LiveHouse) -> None:
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
