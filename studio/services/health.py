"""Whether Studio can take work, and what is in the way when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from studio.errors import StudioError
from studio.services.engines import Engine, EngineService
from studio.store.db import Database

_PROBE_EVERY_S: Final = 2.0


class HealthService:
    """Readiness with reasons.

    Args:
        notices: sentences for the owner that stay until the next start, such as what a restored
            database lost.
    """

    def __init__(
        self,
        *,
        db: Database,
        engines: EngineService,
        isolated: bool,
        notices: list[str],
    ) -> None:
        self._db = db
        self._engines = engines
        self._isolated = isolated
        self._notices = notices
        self.held: dict[str, str] = {}
        """Why no work is taken though engines would: a reason by whoever says so."""

    def note(self, sentence: str) -> None:
        """Tell the owner something until the next start."""
        self._notices.append(sentence)

    def withdraw(self, sentence: str) -> None:
        """What was noted does not hold any more, or the owner knows of it."""
        if sentence in self._notices:
            self._notices.remove(sentence)

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """(takes work, the answer of ``/ready``): reasons in words, without secrets."""
        reasons = list(self.held.values())
        if self._db.fault is not None:
            reasons.append(f"database: {self._db.fault}")
        engines = self._engines.engines.values()
        if not engines:
            reasons.append("engines: none is configured; see STUDIO_ENGINE")
        elif not any(engine.ready for engine in engines):
            reasons += [f"engine {engine.name}: {_situation(engine)}" for engine in engines]
        return not reasons, {
            "ready": not reasons,
            "reasons": reasons,
            "engines": {engine.name: engine.state.value for engine in engines},
            "engine_kinds": {engine.name: engine.setting.kind for engine in engines},
            "isolation": self._isolated,
            "notices": [*self._notices, *([] if self._isolated else ["no isolation"])],
        }

    async def recover(self) -> None:
        """While the disk refuses writes, try one now and then; the body of a task."""
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            with contextlib.suppress(StudioError):
                await self._db.probe()

    def engines(self) -> list[dict[str, Any]]:
        """Every engine as the owner sees it."""
        return [
            {
                "name": engine.name,
                "kind": engine.setting.kind,
                "state": engine.state.value,
                "reason": engine.reason,
                "version": engine.version,
                "jobs": engine.occupied,
                "foreign_jobs": engine.foreign,
                "cleans_up": engine.managed,
                "crashes": len(engine.crashes),
                "dropped_frames": engine.socket.dropped_frames if engine.socket else 0,
                "log_tail": list(engine.log_tail),
            }
            for engine in self._engines.engines.values()
        ]


def _situation(engine: Engine) -> str:
    if not engine.reason or engine.reason == engine.state.value:
        return engine.state.value
    return f"{engine.state}, {engine.reason}"
