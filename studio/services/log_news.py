"""What engines write into their logs, told to the feed while somebody asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from studio.errors import StudioError
from studio.services.feed import Feed
from studio.services.news import Topic
from studio.store.engine_logs import LogPart

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5
MAX_TOLD: Final = 64 << 10
"""Characters of one event. Of more only the place is told, and whoever wants it asks for it."""


class Logs(Protocol):
    """Whose logs there are, and what is in them, without secrets."""

    def logged(self) -> Iterable[str]: ...

    async def logs(self, name: str, *, tail: int, after: str | None) -> LogPart: ...


class LogNews:
    """Reads on from where it was: bootstrap writes the files and tells nobody."""

    def __init__(self, *, feed: Feed, logs: Logs, look_every_s: float = LOOK_EVERY_S) -> None:
        self._feed = feed
        self._logs = logs
        self._look_every_s = look_every_s
        self._places: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="log news")

    def sleep(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._places.clear()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            if not self._feed.wants(Topic.LOGS):
                self._places.clear()
                continue
            for name in self._logs.logged():
                try:
                    await self._tell(name)
                except (OSError, StudioError) as error:
                    log.warning("the log of %s cannot be read: %s", name, error)

    async def _tell(self, name: str) -> None:
        before = self._places.get(name)
        part = await self._logs.logs(name, tail=0, after=before)
        if part.place == before:
            return
        self._places[name] = part.place
        follows = before is not None and not part.is_fresh
        told = part.lines if follows and sum(map(len, part.lines)) <= MAX_TOLD else None
        self._feed.tell_state(
            f"log {name}",
            Topic.LOGS,
            "written",
            {
                "engine": name,
                "after": None if told is None else before,
                "lines": list(told or ()),
                "next": part.place,
            },
        )
