"""Ends a job: the one commit, then everybody who waits for it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from studio.clock import Clock
from studio.errors import DiskFull, StorageUnavailable, StudioError
from studio.models import Asset, Job, JobError, JobStatus
from studio.services.queue import JobQueue, LiveJob, output_order
from studio.services.staging import Staging
from studio.services.usage import Usage
from studio.settings import DAY_MS
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)

_RETRY_MIN_S: Final = 0.2
_RETRY_MAX_S: Final = 10.0
_CLEAN_AFTER_S: Final = 0.5


class Finisher:
    """Writes ends, and writes them again until the disk takes them."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        staging: Staging,
        usage: Usage,
        clock: Clock,
        retention_days: int,
        on_finish: Callable[[Job, int | None], None],
    ) -> None:
        self._on_finish = on_finish
        self._queue = queue
        self._jobs = jobs
        self._staging = staging
        self._usage = usage
        self._clock = clock
        self._retention_ms = retention_days * DAY_MS
        self._leavings: list[Job] = []
        self._cleaning: asyncio.Task[None] | None = None

    async def succeed(self, live: LiveJob) -> None:
        """Publish the collected outputs and the success in one commit."""
        await self._finish(live, JobStatus.SUCCEEDED, None)

    async def fail(self, live: LiveJob, error: JobError) -> None:
        """End the job with a named reason."""
        log.info("job %s failed: %s", live.job.id, error.code)
        await self._finish(live, JobStatus.FAILED, error)

    async def cancel(self, live: LiveJob, *, patient: bool = True) -> None:
        """End the job as cancelled.

        Args:
            patient: wait for a disk that refuses; otherwise its refusal is raised.
        """
        error = None
        if live.job.cancel_requested_at is None:
            error = JobError("interrupted", "Somebody ended this job inside the engine.")
        await self._finish(live, JobStatus.CANCELED, error, patient=patient)

    async def expire(self, live: LiveJob) -> None:
        """End a job whose deadline passed while it waited."""
        error = JobError("deadline_passed", "The job's deadline passed before its turn came.")
        await self._finish(live, JobStatus.EXPIRED, error)

    async def persist(self, live: LiveJob) -> None:
        """Store the changeable fields of a live job, however long the disk takes to recover."""
        wait_s = _RETRY_MIN_S
        while True:
            try:
                await self._jobs.update(live.job)
            except (DiskFull, StorageUnavailable):
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _RETRY_MAX_S)
            else:
                return

    async def _finish(
        self,
        live: LiveJob,
        status: JobStatus,
        error: JobError | None,
        *,
        patient: bool = True,
    ) -> None:
        now_ms = self._clock.now_ms()
        expires_at = now_ms + self._retention_ms
        duration_ms = self._duration_ms(live, now_ms)
        if duration_ms is not None:
            self._usage.add(live.job.user_id, duration_ms / 1000)
        live.closing = True
        job = live.job.changed(status=status, error=error, completed_at=now_ms, executing=False)
        wait_s = _RETRY_MIN_S
        while True:
            if status is not JobStatus.SUCCEEDED:
                await self._drop_collected(live)
            try:
                stored = await self._jobs.finish(
                    job,
                    expires_at=expires_at,
                    duration_ms=duration_ms,
                    outputs=list(live.collected.values()),
                    # While others queue, throughput counts for more than one job's milliseconds.
                    patient=self._queue.has_waiting,
                )
                break
            except DiskFull as full:
                if not patient:
                    live.closing = False
                    raise
                if status is JobStatus.SUCCEEDED:
                    status = JobStatus.FAILED
                    job = job.changed(status=status, error=JobError(full.code, full.message))
            except StorageUnavailable as fault:
                if not patient:
                    live.closing = False
                    raise
                log.error("job %s cannot be finished yet: %s", job.id, fault.message)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _RETRY_MAX_S)
        live.job = job
        self._tell(live, stored, expires_at, duration_ms)
        self._clean(job)

    def _duration_ms(self, live: LiveJob, now_ms: int) -> int | None:
        """How long it ran; wall time, which may jump, only if it started before this process."""
        if live.job.started_at is None:
            return None
        if live.started_s is None:
            return max(0, now_ms - live.job.started_at)
        return round((self._clock.monotonic_s() - live.started_s) * 1000)

    def _tell(
        self, live: LiveJob, stored: list[Asset], expires_at: int, duration_ms: int | None
    ) -> None:
        live.collected.clear()
        live.credentials.clear()
        live.download_credentials.clear()
        live.publish(stored)
        live.outputs.sort(key=output_order)
        self._queue.finish(live, expires_at)
        self._on_finish(live.job, duration_ms)
        live.announce()

    async def _drop_collected(self, live: LiveJob) -> None:
        staged = [blob for _, blob in live.collected.values()]
        live.collected.clear()
        if staged:
            with contextlib.suppress(StudioError):
                await self._staging.discard(staged)

    def _clean(self, job: Job) -> None:
        """Note what a job left with managed engines; a moment later one thread removes it all."""
        if job.attempt > 0 and self._staging.shared:
            self._leavings.append(job)
            if self._cleaning is None:
                self._cleaning = asyncio.create_task(self._clean_up())

    async def _clean_up(self) -> None:
        await asyncio.sleep(_CLEAN_AFTER_S)
        await self._remove_leavings()
        self._cleaning = None
        if self._leavings:
            self._cleaning = asyncio.create_task(self._clean_up())

    async def _remove_leavings(self) -> None:
        jobs, self._leavings = self._leavings, []
        try:
            await self._staging.clean(jobs, self._unfinished)
        except asyncio.CancelledError:
            self._leavings += jobs
            raise
        except OSError as error:
            log.warning("files of %d finished jobs stay with the engine: %s", len(jobs), error)

    def _unfinished(self) -> Iterator[Job]:
        return (live.job for live in self._queue.live.values())

    async def sweep(self) -> None:
        """Once the unfinished jobs are known: remove what others left with managed engines."""
        try:
            await self._staging.sweep(self._unfinished)
        except OSError as error:
            log.warning("what old jobs left with the engine stays there: %s", error)

    async def stop(self) -> None:
        """Remove what is left with engines."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            await asyncio.gather(self._cleaning, return_exceptions=True)
        await self._remove_leavings()
