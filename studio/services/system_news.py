"""Whether Studio is ready and how its engines do, told to the feed while somebody reads it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from studio.services.feed import Feed
from studio.services.health import HealthService
from studio.services.news import Topic

LOOK_EVERY_S: Final = 0.5


class SystemNews:
    """Compares twice a second: states change in many places, and each of them may be forgotten."""

    def __init__(
        self, *, feed: Feed, health: HealthService, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._feed = feed
        self._health = health
        self._look_every_s = look_every_s
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._task = asyncio.create_task(self._look(), name="system news")

    def sleep(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def engines(self) -> dict[str, Any]:
        """Every engine, as the owner sees it."""
        return {"engines": self._health.engines()}

    def system(self) -> dict[str, Any]:
        """Whether work is taken, why not, and by what kind of engines."""
        _, body = self._health.ready()
        return {name: body[name] for name in ("ready", "reasons", "notices", "engine_kinds")}

    async def _look(self) -> None:
        engines, system = self.engines(), self.system()
        while True:
            await asyncio.sleep(self._look_every_s)
            before, engines = engines, self.engines()
            if engines != before:
                self._feed.tell_state("engines", Topic.ENGINES, "changed", engines)
            before, system = system, self.system()
            if system != before:
                self._feed.tell_state("system", Topic.SYSTEM, "changed", system)
