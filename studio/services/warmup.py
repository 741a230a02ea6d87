"""Runs a configured workflow once in every life of an engine, so that the first user waits less."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Final

from studio.errors import StudioError
from studio.services.auth import AuthService
from studio.services.engines import EngineService
from studio.services.jobs import JobService
from studio.services.queue import JobQueue
from studio.services.submissions import MAX_PRIORITY, Submission

log = logging.getLogger(__name__)

_ORIGIN: Final = "warmup"
_LOOK_EVERY_S: Final = 1.0
_TRY_AGAIN_S: Final = 30.0


class Warmup:
    """Submits the warm-up workflow as a job of the owner's, bound to the engine that started.

    Args:
        workflow: an API-format file, or ``None`` for no warm-up.
        look_every_s: between two looks at the engines.
        try_again_s: before a warm-up that was refused is submitted again.
    """

    def __init__(
        self,
        *,
        jobs: JobService,
        auth: AuthService,
        engines: EngineService,
        queue: JobQueue,
        workflow: Path | None,
        look_every_s: float = _LOOK_EVERY_S,
        try_again_s: float = _TRY_AGAIN_S,
    ) -> None:
        self._jobs = jobs
        self._auth = auth
        self._engines = engines
        self._workflow = workflow
        self._queue = queue
        self._look_every_s = look_every_s
        self._try_again_s = try_again_s

    async def run(self) -> None:
        """Watch for new lives of engines; the body of a task."""
        if self._workflow is None:
            return
        try:
            graph = json.loads(await asyncio.to_thread(self._workflow.read_bytes))
        except (OSError, ValueError) as error:
            log.error("the warm-up workflow %s cannot be read: %s", self._workflow, error)
            return
        pauses: dict[str, float] = {}
        while True:
            for engine in self._engines.engines.values():
                if not engine.ready or self._engines.is_warm(engine):
                    continue
                left_s = pauses.get(engine.name, 0.0) - self._look_every_s
                if left_s > 0:
                    pauses[engine.name] = left_s
                elif self._is_under_way(engine.name) or await self._submit(graph, engine.name):
                    self._engines.note_warm(engine)
                    pauses.pop(engine.name, None)
                else:
                    pauses[engine.name] = self._try_again_s
            await asyncio.sleep(self._look_every_s)

    def _is_under_way(self, engine_name: str) -> bool:
        """Whether one of an earlier life, or of an earlier Studio, has still to run there."""
        return any(
            live.job.origin == _ORIGIN and live.job.extra.get("only_engine") == engine_name
            for live in self._queue.live.values()
        )

    async def _submit(self, graph: object, engine_name: str) -> bool:
        submission = Submission(
            workflow=graph,
            priority=MAX_PRIORITY,
            title=f"warm-up of {engine_name}",
            origin=_ORIGIN,
            only_engine=engine_name,
        )
        try:
            await self._jobs.submit(self._auth.console(), submission)
        except StudioError as error:
            log.error("the warm-up workflow was refused: %s", error.message)
            return False
        return True
