"""Where a waiting job stands: a rank between two others, however often somebody moves one there."""

from __future__ import annotations

import asyncio

from studio.services.queue import JobQueue, LiveJob
from studio.store.jobs import JobStore


class QueuePlaces:
    """Finds ranks among the jobs that wait."""

    def __init__(self, queue: JobQueue, jobs: JobStore) -> None:
        self._queue = queue
        self._jobs = jobs

    async def before(self, other: LiveJob, moved: LiveJob) -> float:
        """A rank right before that of ``other``, for ``moved``.

        Raises:
            DiskFull, StorageUnavailable: room had to be made there, and could not be stored.
        """
        rank = self._gap_before(other, moved)
        if rank is None:
            await self._spread(other.job.priority)
            rank = self._gap_before(other, moved)
            assert rank is not None
        return rank

    def _gap_before(self, other: LiveJob, moved: LiveJob) -> float | None:
        """A rank between ``other`` and whoever precedes it, ``None`` when floats have none left."""
        ranks = [
            live.job.rank
            for live in self._line(other.job.priority)
            if live is not moved and live.job.rank < other.job.rank
        ]
        if not ranks:
            return other.job.rank - 1.0
        rank = (ranks[-1] + other.job.rank) / 2
        return rank if ranks[-1] < rank < other.job.rank else None

    def _line(self, priority: int) -> list[LiveJob]:
        return [live for live in self._queue.in_order() if live.job.priority == priority]

    async def _spread(self, priority: int) -> None:
        """Give the waiting jobs of one priority whole distances again, in the same order."""
        line = self._line(priority)
        last = line[-1].job.rank
        for distance, live in enumerate(reversed(line)):
            self._queue.move(live, rank=last - distance, priority=priority)
        await asyncio.gather(*(self._jobs.update(live.job) for live in line))
