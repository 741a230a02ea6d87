"""GPU time of one day: what was used of it, and what unfinished jobs will still use."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

from studio.clock import Clock, iso
from studio.models import Job
from studio.quota_errors import QuotaExceeded
from studio.services.durations import Durations
from studio.services.queue import JobQueue
from studio.settings import DAY_MS
from studio.store.quotas import QuotaStore

GPU_SECONDS: Final = "gpu_seconds"
UNKNOWN_JOB_S: Final = 30
_ASK_AGAIN_S: Final = 60


class GpuTime:
    """Gives the time of a day out once.

    Args:
        unknown_job_s: how long a job is taken to run while nothing like it ever ran.
    """

    def __init__(
        self,
        *,
        store: QuotaStore,
        queue: JobQueue,
        clock: Clock,
        durations: Durations,
        unknown_job_s: int,
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._durations = durations
        self._unknown_job_ms = unknown_job_s * 1000
        self._coming_ms: Counter[str] = Counter()

    def day_ends_at(self) -> int:
        """The next midnight, UTC, in ms."""
        return (self._clock.now_ms() // DAY_MS + 1) * DAY_MS

    @contextlib.asynccontextmanager
    async def promised(
        self, user_id: str, limit: int | None, jobs: Sequence[Job]
    ) -> AsyncIterator[None]:
        """GPU time of the day for jobs, promised to no others until the block ends.

        By then they stand in the queue, where they count until they end; after that counts what
        they really ran. Somebody's last job may be longer than the rest of the day's time.

        Raises:
            QuotaExceeded: the time is used up, or will be before the last of the jobs begins.
        """
        if limit is None:
            yield
            return
        used = await self.used_s(user_id)
        if used >= limit:
            raise QuotaExceeded(
                f"You have used your {_minutes(limit)} of GPU time for today. "
                "There is more from midnight on, UTC.",
                details={
                    "quota": GPU_SECONDS,
                    "used": round(used, 1),
                    "limit": limit,
                    "until": iso(self.day_ends_at()),
                },
                retry_after_s=math.ceil((self.day_ends_at() - self._clock.now_ms()) / 1000),
            )
        wanted_ms = [self._likely_ms(job) for job in jobs]
        expected = (self._expected_ms(user_id) + sum(wanted_ms[:-1])) / 1000
        if used + expected >= limit:
            raise QuotaExceeded(
                f"Jobs that have not ended will take what is left of your {_minutes(limit)} "
                "of GPU time for today. Wait for them, or run fewer.",
                details={
                    "quota": GPU_SECONDS,
                    "used": round(used, 1),
                    "expected": round(expected, 1),
                    "limit": limit,
                },
                retry_after_s=_ASK_AGAIN_S,
            )
        self._coming_ms[user_id] += sum(wanted_ms)
        try:
            yield
        finally:
            self._coming_ms[user_id] -= sum(wanted_ms)
            if not self._coming_ms[user_id]:
                del self._coming_ms[user_id]

    async def used_s(self, user_id: str) -> float:
        """Seconds that a person used today, by what ended and by what runs."""
        ended = await self._store.gpu_seconds(self._clock.now_ms(), user_id)
        return ended.get(user_id, 0.0) + self.running_s(user_id)

    def running_s(self, user_id: str) -> float:
        """Seconds that a person's running jobs have run today."""
        now_ms = self._clock.now_ms()
        midnight_ms = now_ms // DAY_MS * DAY_MS
        return sum(
            max(0, now_ms - max(midnight_ms, live.job.started_at)) / 1000
            for live in self._queue.live.values()
            if live.job.user_id == user_id and live.job.started_at is not None
        )

    def _expected_ms(self, user_id: str) -> int:
        """How long a person's unfinished jobs will still run, those included that just come."""
        now_ms, left_ms = self._clock.now_ms(), self._coming_ms[user_id]
        for live in self._queue.live.values():
            if live.job.user_id == user_id:
                ran_ms = now_ms - (live.job.started_at or now_ms)
                left_ms += max(0, self._likely_ms(live.job) - ran_ms)
        return left_ms

    def _likely_ms(self, job: Job) -> int:
        expected = self._durations.expected_ms(job)
        return self._unknown_job_ms if expected is None else round(expected)


def _minutes(seconds: int) -> str:
    return f"{seconds / 60:g} minutes"
