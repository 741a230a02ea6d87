"""Ends jobs that are stuck: their engine answers, but nothing of them has moved for long."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from studio.clients.comfy import EngineError
from studio.clients.supervisor import SupervisorRefused, SupervisorUnavailable
from studio.models import JobError
from studio.services.engine import Engine
from studio.services.run import Run

log = logging.getLogger(__name__)

GRACE_S: Final = 30.0
"""ComfyUI looks between two nodes, or two steps, whether it is to stop."""


class Watchdog:
    """Looks at every run that executes, about once a second.

    Args:
        stuck_s: how long a job may show no progress; 0 for ever.
        restart: restarts an engine of this machine on purpose.
    """

    def __init__(
        self,
        *,
        stuck_s: float,
        restart: Callable[[str], Awaitable[None]],
        grace_s: float = GRACE_S,
    ) -> None:
        self._stuck_s = stuck_s
        self._restart = restart
        self._grace_s = grace_s
        self._restarted: set[tuple[str, str]] = set()

    def due(self, run: Run, now_s: float) -> Coroutine[None, None, None] | None:
        """What is to be done about a run now."""
        job = run.live.job
        quiet_s = now_s - run.last_progress_s
        # Those of the editor are somebody's own affair, who sees them.
        if not self._stuck_s or not run.executing or job.from_editor or quiet_s < self._stuck_s:
            return None
        if run.stuck is None:
            log.warning("job %s shows no progress for %.0f s; interrupting it", job.id, quiet_s)
            run.stuck = JobError(
                "job_stuck",
                f"The job showed no progress for {round(quiet_s / 60)} minutes and was ended.",
            )
        if quiet_s < self._stuck_s + self._grace_s or not run.engine.managed:
            return self._interrupt(run)
        life = (run.engine.name, run.boot)
        if life in self._restarted:
            return None
        self._restarted.add(life)
        return self._end(run.engine)

    async def _interrupt(self, run: Run) -> None:
        with contextlib.suppress(EngineError):
            await run.engine.client.cancel(run.prompt_id)

    async def _end(self, engine: Engine) -> None:
        log.warning("engine %s does not let go of a job that is stuck; restarting it", engine.name)
        with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
            await self._restart(engine.name)
