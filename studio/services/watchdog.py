"""Ends jobs that are stuck: their engine answers, but nothing of them has moved for long."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine

from studio.clients.comfy import EngineError
from studio.clients.supervisor import SupervisorRefused, SupervisorUnavailable
from studio.models import JobError
from studio.services.engine import Engine
from studio.services.run import Run

log = logging.getLogger(__name__)


class Watchdog:
    """Looks at every run that executes, about once a second.

    Args:
        stuck_s: how long a job may show no progress; 0 for ever.
        restart: restarts an engine of this machine on purpose.
        grace_s: how long an engine has to let go of it; a restart that failed is tried again then.
    """

    def __init__(
        self,
        *,
        stuck_s: float,
        restart: Callable[[str], Awaitable[None]],
        grace_s: float,
    ) -> None:
        self._stuck_s = stuck_s
        self._restart = restart
        self._grace_s = grace_s
        self._restarts: dict[tuple[str, str], float] = {}
        """When a restart was last asked for, by engine and life."""

    def due(self, run: Run, now_s: float) -> Coroutine[None, None, None] | None:
        """What is to be done about a run now."""
        job = run.live.job
        quiet_s = now_s - run.last_progress_s
        # Those of the editor are somebody's own affair, who sees them.
        if not self._stuck_s or not run.executing or job.from_editor or quiet_s < self._stuck_s:
            return None
        # One that was cancelled ends as that, and its cancel is repeated anyway.
        cancelled = job.cancel_requested_at is not None
        if run.stuck is None and not cancelled:
            log.warning("job %s shows no progress for %.0f s; interrupting it", job.id, quiet_s)
            run.stuck = JobError(
                "job_stuck",
                f"The job showed no progress for {round(quiet_s / 60)} minutes and was ended.",
            )
        if run.engine.managed and quiet_s >= self._stuck_s + self._grace_s:
            life = (run.engine.name, run.boot)
            asked_s = self._restarts.get(life)
            if asked_s is None or now_s - asked_s >= self._grace_s:
                self._restarts[life] = now_s
                return self._end(run.engine)
        return None if cancelled else self._interrupt(run)

    async def _interrupt(self, run: Run) -> None:
        with contextlib.suppress(EngineError):
            await run.engine.client.cancel(run.prompt_id)

    async def _end(self, engine: Engine) -> None:
        log.warning("engine %s does not let go of a job that is stuck; restarting it", engine.name)
        try:
            await self._restart(engine.name)
        except (SupervisorUnavailable, SupervisorRefused) as error:
            log.warning("engine %s was not restarted: %s", engine.name, error)
