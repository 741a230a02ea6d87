"""How the machine does, told to the feed while somebody asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from studio.services.feed import Feed
from studio.services.news import Topic

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0


class MachineNews:
    """Looks every few seconds: nothing tells of memory and disks by itself.

    Args:
        look: how everything is now.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        look: Callable[[], Awaitable[dict[str, Any]]],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._feed = feed
        self._look = look
        self._look_every_s = look_every_s
        self._task: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._seen: dict[str, Any] | None = None
        self._seen_s = 0.0

    def wake(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="machine news")

    def sleep(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._seen = None

    async def machine(self) -> dict[str, Any]:
        """How everything was a moment ago: many who come together are one look."""
        async with self._looking:
            loop = asyncio.get_running_loop()
            if self._seen is None or loop.time() - self._seen_s >= self._look_every_s:
                self._seen = await self._look()
                self._seen_s = loop.time()
            return self._seen

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            if not self._feed.wants(Topic.MACHINE):
                continue
            self._seen = None
            try:
                machine = await self.machine()
            except OSError as error:
                log.warning("the machine cannot be looked at: %s", error)
            else:
                self._feed.tell_state("machine", Topic.MACHINE, "changed", machine)
