"""How the machine does and what engines write: told to whoever asks, and to nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from studio.models import ROLE_SCOPES, Identity, Role
from studio.services.feed import Feed, Reader
from studio.services.log_news import MAX_TOLD, LogNews
from studio.services.machine_news import MachineNews
from studio.services.news import Frame, News, Topic
from studio.store.engine_logs import LogFolder, LogPart

WAIT_S = 30.0
OWNER = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])


class Desk:
    """A feed and one reader who keeps what it is told."""

    def __init__(self) -> None:
        self.feed = Feed(is_live=lambda _: True, linger_s=0.0)
        self.heard: list[Any] = []
        self._told = asyncio.Event()
        self.reader = Reader(OWNER, kind="owner", render=self._hear)

    def _hear(self, news: News) -> Frame:
        self.heard.append(news.data)
        self._told.set()
        return b"told"

    async def hears(self, wanted: Callable[[], bool]) -> None:
        """Wait until it heard what is wanted."""
        async with asyncio.timeout(WAIT_S):
            while not wanted():
                self._told.clear()
                await self._told.wait()


class Logs:
    """Logs of one engine in a folder, and how often somebody looked."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "one.log"
        self.looks = 0
        self._folder = LogFolder(folder)

    def logged(self) -> list[str]:
        self.looks += 1
        return ["one"]

    async def logs(self, name: str, *, tail: int, after: str | None) -> LogPart:
        return self._folder.read(name, tail=tail, after=after)

    def write(self, text: str) -> None:
        with self.file.open("a") as file:
            file.write(text)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    opened = Desk()
    yield opened
    opened.feed.stop()


async def test_what_an_engine_writes_is_told_between_the_places_it_lies_between(
    desk: Desk, tmp_path: Path
) -> None:
    logs = Logs(tmp_path)
    logs.write("before\n")
    desk.feed.connect(LogNews(feed=desk.feed, logs=logs, look_every_s=0.01))
    desk.reader.topics.add(Topic.LOGS)
    desk.feed.enter(desk.reader)
    await desk.hears(lambda: len(desk.heard) == 1)
    begin = desk.heard[0]
    assert (begin["engine"], begin["after"], begin["lines"]) == ("one", None, [])
    logs.write("one line\nhalf")
    await desk.hears(lambda: len(desk.heard) == 2)
    logs.write(" a line\n")
    await desk.hears(lambda: len(desk.heard) == 3)
    _, first, second = desk.heard
    assert (first["after"], first["lines"]) == (begin["next"], ["one line"])
    assert (second["after"], second["lines"]) == (first["next"], ["half a line"])
    part = await logs.logs("one", tail=0, after=second["next"])
    assert (part.lines, part.is_fresh) == ((), False)


async def test_of_much_at_once_and_of_a_log_that_was_moved_aside_only_the_place_is_told(
    desk: Desk, tmp_path: Path
) -> None:
    logs = Logs(tmp_path)
    logs.write("before\n")
    desk.feed.connect(LogNews(feed=desk.feed, logs=logs, look_every_s=0.01))
    desk.reader.topics.add(Topic.LOGS)
    desk.feed.enter(desk.reader)
    await desk.hears(lambda: len(desk.heard) == 1)
    logs.write("much of it, again and again\n" * (MAX_TOLD // 20))
    await desk.hears(lambda: len(desk.heard) == 2)
    logs.file.rename(tmp_path / "one.log.1")
    logs.write("anew\n")
    await desk.hears(lambda: any(told["next"].endswith("-5") for told in desk.heard))
    assert [told["lines"] for told in desk.heard] == [[]] * len(desk.heard)
    assert {told["after"] for told in desk.heard} == {None}


async def test_logs_are_read_for_nobody(desk: Desk, tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    desk.feed.connect(LogNews(feed=desk.feed, logs=logs, look_every_s=0.01))
    desk.reader.topics.add(Topic.JOBS)
    desk.feed.enter(desk.reader)
    await asyncio.sleep(0.1)
    assert logs.looks == 0
    desk.reader.topics.add(Topic.LOGS)
    await desk.hears(lambda: logs.looks > 0 and len(desk.heard) == 1)


async def test_the_machine_is_looked_at_while_somebody_asks_and_once_for_all(desk: Desk) -> None:
    numbers = itertools.count(1)

    async def look() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"look": next(numbers)}

    news = MachineNews(feed=desk.feed, look=look, look_every_s=0.05)
    desk.feed.connect(news)
    desk.feed.enter(desk.reader)
    await asyncio.sleep(0.2)
    together = await asyncio.gather(*(news.machine() for _ in range(5)))
    assert together == [{"look": 1}] * 5
    desk.reader.topics.add(Topic.MACHINE)
    await desk.hears(lambda: len(desk.heard) == 3)
    assert desk.heard == [{"look": 2}, {"look": 3}, {"look": 4}]
