"""A judged job's way in: into the store, into the queue, and into an engine that has room.

Where an engine has room, the job is sent before its row is synced: what a sync takes, which on a
network volume is many times what all else takes, passes while the engine works. Nobody is told that
the job was accepted until it is on disk. A kill of Studio in between loses nothing, since the row
is committed; a power cut takes an engine on this machine along with the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from studio.clock import Clock, new_id
from studio.errors import StudioError
from studio.models import Job, JobStatus, NewJob
from studio.services.engine import Engine
from studio.services.queue import JobQueue, LiveJob
from studio.store.jobs import JobStore


class Intake:
    """Stores jobs, and hands those that need not wait to their engine.

    Args:
        wake: asks the dispatcher to look at the queue.
        reserve: an engine's free place for a job nobody waits before, or ``None``.
        start: sends a job to the engine whose place it got.
        take_back: asks the engine for the end of a job whose end was asked for.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        clock: Clock,
        wake: Callable[[], None],
        reserve: Callable[[Job], Engine | None],
        start: Callable[[Engine, LiveJob], None],
        take_back: Callable[[LiveJob], None],
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._clock = clock
        self._wake = wake
        self._reserve = reserve
        self._start = start
        self._take_back = take_back

    async def take(
        self, new: NewJob, live: LiveJob, idempotency_key: str | None, *, may_go: bool
    ) -> bool:
        """Store a job; once this returns it is durable. Return whether it is on its way already.

        Args:
            may_go: whether any engine that has room may have it now.

        Raises:
            IdempotencyKeyReuse, MissingAsset, DiskFull, StorageUnavailable: it was not accepted.
        """
        engine = self._reserve(live.job) if may_go else None
        if engine is None:
            await self._jobs.insert(new, idempotency_key)
            self._queue.add(live, waiting=True)
            return False
        job = live.update(
            engine=engine.name, engine_boot=engine.boot, prompt_id=new_id(), attempt=1
        )
        # Elsewhere an engine outlives a power cut, and what was paid for or told must be known.
        early = engine.managed and not job.paid and not new.told
        try:
            await self._jobs.insert(replace(new, job=job), idempotency_key, durable=not early)
        except BaseException:
            self._wake()
            raise
        finally:
            engine.occupied -= 1
        self._queue.add(live, waiting=False)
        live.marked = True
        self._start(engine, live)
        if early:
            await self._sync(live)
        return True

    async def _sync(self, live: LiveJob) -> None:
        """Until the job is on disk; one that may not be is taken back."""
        try:
            await self._jobs.sync()
        except StudioError:
            live.update(cancel_requested_at=self._clock.now_ms(), status=JobStatus.CANCELING)
            live.announce()
            self._take_back(live)
            raise
