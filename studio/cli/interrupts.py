"""Ctrl-C, once to end in good order, twice to end at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from studio.cli.failures import EXIT_INTERRUPTED


class Interrupts:
    """How often somebody asked to end."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def impatient(self) -> bool:
        return self.count > 1


def run_interruptible(work: Callable[[Interrupts], Coroutine[Any, Any, int]]) -> int:
    """Run ``work`` and return its status; each SIGINT, SIGTERM or SIGHUP cancels it once more."""

    async def run() -> int:
        interrupts = Interrupts()
        task = asyncio.create_task(work(interrupts))

        def interrupt() -> None:
            interrupts.count += 1
            task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, interrupt)
        try:
            return await task
        except asyncio.CancelledError:
            if interrupts.count:
                return EXIT_INTERRUPTED
            raise

    return asyncio.run(run())
