"""Lists of jobs: the durable history, and the queue with its estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.clock import Clock
from studio.models import Asset, Identity, Job, JobStatus, Role
from studio.services.durations import Durations
from studio.services.engines import EngineService
from studio.services.jobs import JobView
from studio.services.queue import JobQueue, LiveJob
from studio.settings import DAY_MS
from studio.store.assets import AssetStore
from studio.store.job_list import JobFilter, JobListStore


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A waiting job with its place from 1 and when it may start, in ms from now."""

    live: LiveJob
    position: int
    starts_in_ms: int | None


class HistoryService:
    """Pages over all jobs of a caller, and the live queue."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        durations: Durations,
        lists: JobListStore,
        assets: AssetStore,
        engines: EngineService,
        clock: Clock,
        retention_days: int,
    ) -> None:
        self._clock = clock
        self._retention_ms = retention_days * DAY_MS
        self._queue = queue
        self._durations = durations
        self._lists = lists
        self._assets = assets
        self._engines = engines

    def expiry(self, job: Job) -> int:
        """When a job is purged: its end, or now while it lives, and the retention from there."""
        return (job.completed_at or self._clock.now_ms()) + self._retention_ms

    async def page(self, wanted: JobFilter) -> tuple[list[JobView], int | None]:
        """Jobs as they are now with their outputs, newest first, and the next page's cursor."""
        jobs, cursor = await self._lists.page(wanted)
        outputs = await self._assets.outputs_of([job.id for job in jobs])
        return [self._view(job, outputs[job.id]) for job in jobs], cursor

    def _view(self, job: Job, outputs: Sequence[Asset]) -> JobView:
        live = self._queue.live.get(job.id)
        if live is None:
            return JobView(job, tuple(outputs), self.expiry(job))
        position = self._queue.position(live)
        return JobView(live.job, tuple(live.outputs), self.expiry(live.job), position, live)

    def usual_ms(self, graph_key: str) -> float | None:
        """How long graphs of that key took lately; ``None`` when none was run."""
        return self._durations.median(graph_key)

    def estimate(self, view: JobView) -> int | None:
        """When a waiting job may start, in ms from now; ``None`` when it runs or is unknown."""
        if view.live is None or not view.live.waiting or view.queue_position is None:
            return None
        identity = Identity(view.job.user_id, Role.OWNER, frozenset())
        entries = self.waiting(identity, start=view.queue_position - 1, limit=1)
        return entries[0].starts_in_ms if entries else None

    def waiting(self, identity: Identity, *, start: int, limit: int) -> list[QueueEntry]:
        """A stretch of the queue that the caller may see, in order, with estimated starts."""
        places: list[tuple[int, LiveJob]] = []
        keys: list[str] = []
        for position, live in enumerate(self._queue.in_order(), 1):
            if len(places) >= start + limit:
                break
            keys.append(live.job.graph_key)
            if identity.sees_all or live.job.user_id == identity.user_id:
                places.append((position, live))
        wait_ms: list[float | None] = [self._left_inside()]
        for key in keys:
            before, own = wait_ms[-1], self._durations.median(key)
            wait_ms.append(None if before is None or own is None else before + own)
        engines = sum(engine.ready for engine in self._engines.engines.values())
        entries = []
        for position, live in places[start:]:
            wait = wait_ms[position - 1]
            known = wait is not None and engines and not self._queue.paused
            starts_in_ms = int(wait / engines) if known and wait is not None else None
            entries.append(QueueEntry(live, position, starts_in_ms))
        return entries

    def handed_over(self, identity: Identity) -> list[LiveJob]:
        """Jobs that an engine has taken and not begun, which the caller may see, oldest first."""
        found = [
            live
            for live in self._queue.live.values()
            if live.job.status is JobStatus.QUEUED
            and not live.waiting
            and (identity.sees_all or live.job.user_id == identity.user_id)
        ]
        return sorted(found, key=lambda live: (-live.job.priority, live.job.rank))

    def _left_inside(self) -> float | None:
        """How long the jobs inside engines will still take in all, ms; ``None`` if unknown."""
        now_ms = self._clock.now_ms()
        left_ms = 0.0
        for live in self._queue.live.values():
            if live.waiting:
                continue
            median = self._durations.median(live.job.graph_key)
            if median is None:
                return None
            started = live.job.started_at
            left_ms += max(0.0, median - (now_ms - started if started is not None else 0))
        return left_ms
