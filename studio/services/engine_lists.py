"""Engines are asked anew what they can run after a model came, each once in some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from studio.services.engines import REFRESH_MIN_S, EngineService

_SETTLE_S: Final = 0.2

Sleep = Callable[[float], Awaitable[None]]


class EngineLists:
    """Remembers that models came, until every engine was asked after the last one.

    Args:
        sleep: waits some seconds.
    """

    def __init__(self, engines: EngineService, sleep: Sleep = asyncio.sleep) -> None:
        self._engines = engines
        self._sleep = sleep
        self._came = asyncio.Event()

    def note(self) -> None:
        """A model came."""
        self._came.set()

    async def run(self) -> None:
        """Ask when there is something new; the body of a task."""
        while True:
            await self._came.wait()
            # Files of one workflow often come together.
            await self._sleep(_SETTLE_S)
            self._came.clear()
            if not await self._engines.refresh():
                # They were asked a moment ago, before this one came.
                await self._sleep(REFRESH_MIN_S)
                await self._engines.refresh()
