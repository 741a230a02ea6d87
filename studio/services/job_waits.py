"""Waiting for the end of a job, for those who have nothing else to do meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from studio.models import Identity, Preview, Progress
from studio.services.events import JobWatcher
from studio.services.jobs import JobService, JobView
from studio.waits import set_within

_LOOK_S: Final = 5.0
"""How often a job is looked at of which nothing is heard."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a job stands; ``preview`` is one that was not shown before."""

    view: JobView
    progress: Progress | None = None
    preview: Preview | None = None


class JobWaits:
    """Follows jobs of a caller."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    async def follow(self, identity: Identity, job_id: str) -> AsyncGenerator[Sign, None]:
        """Signs of life until the job has ended; the last one shows its end.

        Raises:
            NotFound: it is not the caller's, or was purged meanwhile.
        """
        view = await self._jobs.get(identity, job_id)
        live = view.live
        if live is None:
            yield Sign(view)
            return
        watcher = JobWatcher()
        live.watchers.add(watcher)
        try:
            watcher.preview = live.preview
            while True:
                watcher.changed.clear()
                preview, watcher.preview = watcher.preview, None
                view = await self._jobs.get(identity, job_id)
                yield Sign(view, live.progress, preview)
                if view.job.status.is_terminal:
                    return
                await set_within(watcher.changed, _LOOK_S)
        finally:
            live.watchers.discard(watcher)

    async def end(self, identity: Identity, job_id: str) -> JobView:
        """The job once it has ended, however long that takes.

        Raises:
            NotFound: it is not the caller's, or was purged meanwhile.
        """
        async with contextlib.aclosing(self.follow(identity, job_id)) as signs:
            async for sign in signs:
                view = sign.view
        return view
