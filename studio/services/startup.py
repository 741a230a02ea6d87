"""How the start went: which copy runs, and how long each phase took until work is taken."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from boot.phases import Phases, process_began_at
from studio.boot_facts import BootFacts
from studio.services.health import HealthService

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.1


class Startup:
    """Goes on from what bootstrap measured; a Studio that was started again begins anew."""

    def __init__(self, facts: BootFacts) -> None:
        self._facts = facts
        self._phases = Phases(facts.began_at or process_began_at(), facts.phases)
        self._phases.end("program", facts.read_at)
        self._page_s: float | None = None
        self._ready_s: float | None = None

    def end(self, phase: str) -> None:
        """``phase`` ends now."""
        self._phases.end(phase)

    async def watch(self, health: HealthService) -> None:
        """Note that the page is served, now, and later that work is taken; the body of a task."""
        self._phases.end("services")
        self._page_s = self._phases.total_s
        log.info("the page is served: %s", self._phases.text())
        while True:
            if health.ready()[0]:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        self._phases.end("engine")
        self._ready_s = self._phases.total_s
        log.info("work is taken: %s", self._phases.text())

    def describe(self) -> dict[str, Any]:
        """``page_s`` and ``ready_s`` count from the start; None is not yet."""
        return {
            "release": self._facts.release or None,
            "safe_mode": self._facts.safe_mode or None,
            "page_s": self._page_s,
            "ready_s": self._ready_s,
            "phases": [{"name": name, "seconds": seconds} for name, seconds in self._phases.times],
        }
