"""A judged job's way in: into the store, into the queue, and into an engine that has room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from studio.clock import new_id
from studio.models import Job, NewJob
from studio.services.engine import Engine
from studio.services.queue import JobQueue, LiveJob
from studio.store.jobs import JobStore


class Intake:
    """Stores jobs, and hands those that need not wait to their engine.

    Args:
        wake: asks the dispatcher to look at the queue.
        reserve: an engine's free place for a job nobody waits before, or ``None``.
        start: sends a job to the engine whose place it got.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        wake: Callable[[], None],
        reserve: Callable[[Job], Engine | None],
        start: Callable[[Engine, LiveJob], None],
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._wake = wake
        self._reserve = reserve
        self._start = start

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
        try:
            await self._jobs.insert(replace(new, job=job), idempotency_key, at_once=True)
        except BaseException:
            self._wake()
            raise
        finally:
            engine.occupied -= 1
        self._queue.add(live, waiting=False)
        live.marked = True
        self._start(engine, live)
        return True
