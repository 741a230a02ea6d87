"""Lists of jobs: the durable history, and the queue with its estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.clock import Clock
from studio.models import Asset, Identity, Job, Role
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

    async def page(self, wanted: JobFilter) -> tuple[list[tuple[Job, Sequence[Asset]]], int | None]:
        """Jobs with their outputs, newest first, and the next page's cursor."""
        jobs, cursor = await self._lists.page(wanted)
        outputs = await self._assets.outputs_of([job.id for job in jobs])
        fresh = [
            self._queue.live[job.id].job if job.id in self._queue.live else job for job in jobs
        ]
        return [(job, outputs[job.id]) for job in fresh], cursor

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
        running = [live for live in self._queue.live.values() if not live.waiting]
        keys_running = [live.job.graph_key for live in running]
        wait_ms: list[float | None] = [self._sum(keys_running)]
        for key in keys:
            before, own = wait_ms[-1], self._durations.median(key)
            wait_ms.append(None if before is None or own is None else before + own)
        engines = max(1, sum(engine.ready for engine in self._engines.engines.values()))
        entries = []
        for position, live in places[start:]:
            wait = wait_ms[position - 1]
            starts_in_ms = None if wait is None else int(wait / engines)
            entries.append(QueueEntry(live, position, starts_in_ms))
        return entries

    def _sum(self, keys: Sequence[str]) -> float | None:
        known = [median for key in keys if (median := self._durations.median(key)) is not None]
        return sum(known) if len(known) == len(keys) else None
