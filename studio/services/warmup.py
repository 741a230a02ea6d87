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
from studio.services.submissions import MAX_PRIORITY, Submission

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0


class Warmup:
    """Submits the warm-up workflow as a job of the owner's, bound to the engine that started.

    Args:
        workflow: an API-format file, or ``None`` for no warm-up.
    """

    def __init__(
        self,
        *,
        jobs: JobService,
        auth: AuthService,
        engines: EngineService,
        workflow: Path | None,
    ) -> None:
        self._jobs = jobs
        self._auth = auth
        self._engines = engines
        self._workflow = workflow
        self._warmed: dict[str, str] = {}

    async def run(self) -> None:
        """Watch for new lives of engines; the body of a task."""
        if self._workflow is None:
            return
        try:
            graph = json.loads(await asyncio.to_thread(self._workflow.read_bytes))
        except (OSError, ValueError) as error:
            log.error("the warm-up workflow %s cannot be read: %s", self._workflow, error)
            return
        while True:
            for engine in self._engines.engines.values():
                if engine.ready and self._warmed.get(engine.name) != engine.boot:
                    self._warmed[engine.name] = engine.boot
                    await self._submit(graph, engine.name)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _submit(self, graph: object, engine_name: str) -> None:
        submission = Submission(
            workflow=graph,
            priority=MAX_PRIORITY,
            title=f"warm-up of {engine_name}",
            origin="warmup",
            only_engine=engine_name,
        )
        try:
            await self._jobs.submit(self._auth.console(), submission)
        except StudioError as error:
            log.error("the warm-up workflow was refused: %s", error.message)
