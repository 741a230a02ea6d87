"""From a claimed job to its one end: send, follow, collect, finish.

The rules are in docs/architecture.md, "How a job lives". The short of it: we choose the prompt id
and commit it before it is sent, so after any crash the engine can be asked what became of it; the
socket makes things quick but history decides; one commit publishes the outputs and the status.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import orjson

from studio.clients.comfy import (
    EngineRefused,
    EngineUnreachable,
    ReplyLost,
)
from studio.clock import Clock
from studio.errors import DiskFull, StorageUnavailable, StudioError
from studio.graphs.graph import Graph, parse
from studio.logs import job_id
from studio.models import JobError, JobStatus
from studio.services.collector import Collector, OutputLost, is_paid, is_repeat
from studio.services.engine import Engine
from studio.services.finisher import Finisher
from studio.services.pace import Pace
from studio.services.queue import JobQueue, LiveJob
from studio.services.run import End, Ended
from studio.services.sender import Requeue, Sender
from studio.store.job_stats import REPEAT
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)

MAX_DEATHS = 3
MAX_REFUSALS = 3
MAX_LOSSES = 3


class Runner:
    """Drives every claimed job; one task each.

    Args:
        wake: asks the dispatcher to look again.
        hold: keeps a job in its line until what it names was fetched.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        sender: Sender,
        collector: Collector,
        finisher: Finisher,
        clock: Clock,
        pace: Pace,
        wake: Callable[[], None],
        hold: Callable[[LiveJob], None],
    ) -> None:
        self._hold = hold
        self._clock = clock
        self._pace = pace
        self._queue = queue
        self._jobs = jobs
        self._sender = sender
        self._collector = collector
        self._finisher = finisher
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, engine: Engine, live: LiveJob) -> None:
        """Take over a claimed job for ``engine``."""
        self._spawn(engine, live, adopted=False)

    def adopt(self, engine: Engine, live: LiveJob) -> None:
        """Take over a job that an earlier Studio, or the editor, had sent to ``engine``."""
        self._sender.expect(engine, live)
        self._spawn(engine, live, adopted=True)

    def _spawn(self, engine: Engine, live: LiveJob, *, adopted: bool) -> None:
        # The engine's own count has the editor's runs already.
        slot = _Slot(engine, self._wake, counted=not live.job.from_editor)
        task = asyncio.create_task(self._handle(engine, live, slot, adopted=adopted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Let go of every job; the next Studio adopts what is inside the engines."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StudioError):
            await self._jobs.let_go()

    async def _handle(self, engine: Engine, live: LiveJob, slot: _Slot, *, adopted: bool) -> None:
        job_id.set(live.job.id)
        try:
            await self._drive(engine, live, slot, adopted=adopted)
        except Requeue:
            await self._requeue(live)
        except StudioError as error:
            failure = JobError(error.code, error.message, details=error.details)
            await self._finisher.fail(live, failure)
        except Exception:
            # The last resort of a job's task: an acknowledged job never just disappears.
            log.exception("job %s: unexpected error", live.job.id)
            await self._finisher.fail(
                live, JobError("internal_error", "Studio failed to run this job; see its log.")
            )
        finally:
            slot.free()

    # -- one job ---------------------------------------------------------------------------------

    async def _drive(self, engine: Engine, live: LiveJob, slot: _Slot, *, adopted: bool) -> None:
        graph = await self._graph(live)
        classes = {node: str(graph[node].get("class_type")) for node in graph}
        rerun: frozenset[str] = frozenset()
        refusals = losses = 0
        resent = False
        while True:
            if live.job.cancel_requested_at is not None and not adopted:
                await self._finisher.cancel(live)
                return
            if live.is_late(self._clock.now_ms()) and not adopted:
                await self._finisher.expire(live)
                return
            try:
                if adopted:
                    ended = await self._sender.rejoin(engine, live, classes)
                else:
                    ended = await self._sender.send(engine, live, graph, classes, rerun)
            except EngineRefused as error:
                refusals += 1
                if refusals < MAX_REFUSALS:
                    await asyncio.sleep(self._pace.refusal_pause_s)
                    continue
                await self._give_up_on(engine, live, error)
                return
            except EngineUnreachable:
                engine.distrust("it refused a connection")
                raise Requeue from None
            except (StorageUnavailable, DiskFull):
                await asyncio.sleep(self._pace.refusal_pause_s)
                raise Requeue from None
            except ReplyLost:
                if resent:
                    engine.distrust("it lost two replies")
                    raise Requeue from None
                resent = not adopted
                adopted = False
                continue
            adopted = False
            slot.free()
            if ended.end is not End.SUCCESS:
                await self._end_badly(engine, live, ended)
                return
            files = {file for _, _, file in live.job.models}
            engine.loaded[live.job.affinity_key] = tuple(sorted(files))
            engine.marker = live.job.prompt_id
            try:
                missing = await self._collector.collect(engine, live, ended, rerun)
            except OutputLost as error:
                losses += 1
                if losses > MAX_LOSSES:
                    await self._finisher.fail(live, JobError("output_lost", error.message))
                    return
                # Its line was cut, or it died: in another life it knows nothing of the prompt.
                adopted, live.closing = True, False
                slot.take()
                continue
            if not missing or live.job.from_editor:
                if is_repeat(engine, graph, ended, rerun):
                    live.update(extra={**live.job.extra, REPEAT: True})
                await self._finisher.succeed(live)
                return
            if live.job.paid and is_paid(engine, classes, missing):
                await self._finisher.fail(live, _output_lost(missing))
                return
            rerun = missing
            live.closing = False
            slot.take()

    async def _give_up_on(self, engine: Engine, live: LiveJob, error: EngineRefused) -> None:
        """The engine is sick, or cannot bear this job: which of the two, another engine shows."""
        engine.refuse(error.status, self._clock.monotonic_s(), self._pace.rest_s)
        live.excluded.add(engine.name)
        if self._sender.may_go_elsewhere(live):
            raise Requeue from error
        await self._finisher.fail(live, _refused(error))

    async def _end_badly(self, engine: Engine, live: LiveJob, ended: Ended) -> None:
        if ended.end is End.ERROR:
            assert ended.error is not None
            await self._finisher.fail(live, ended.error)
        elif ended.end is End.VANISHED and live.overdue and not _is_unwanted(live):
            await self._finisher.expire(live)
        elif ended.end is not End.DIED or live.job.cancel_requested_at is not None:
            await self._finisher.cancel(live)
        else:
            await self._bury(engine, live, counted=ended.counted)

    async def _bury(self, engine: Engine, live: LiveJob, *, counted: bool) -> None:
        """The engine died with the job inside: run it again, or say why not."""
        if not counted or (live.job.paid and live.job.executing):
            raise Requeue
        deaths = live.job.deaths + 1
        live.update(deaths=deaths)
        if deaths >= MAX_DEATHS:
            tail = " | ".join(engine.log_tail[-3:])
            await self._finisher.fail(
                live,
                JobError(
                    "engine_crash",
                    f"The engine died {deaths} times while it ran this job.",
                    details={"log_tail": tail} if tail else None,
                ),
            )
        else:
            raise Requeue

    async def _requeue(self, live: LiveJob) -> None:
        if _is_unwanted(live):
            await self._finisher.cancel(live)
            return
        if live.job.paid and live.job.executing:
            await self._finisher.fail(live, _not_again())
            return
        if live.job.from_editor:
            await self._finisher.fail(live, _ended_with_engine())
            return
        live.progress = live.preview = None
        live.marked = False
        live.update(status=JobStatus.QUEUED, executing=False, started_at=None, engine=None)
        await self._finisher.persist(live)
        if _is_unwanted(live):
            await self._finisher.cancel(live)
            return
        self._queue.wait(live)
        self._hold(live)
        live.announce(self._queue.position(live))
        self._wake()

    async def _graph(self, live: LiveJob) -> Graph:
        if live.graph is None:
            return parse(orjson.loads(await self._jobs.graph(live.job.id)))
        graph, live.graph = live.graph, None
        return graph


class _Slot:
    """A job's place inside an engine, counted once however often it is freed."""

    def __init__(self, engine: Engine, wake: Callable[[], None], *, counted: bool) -> None:
        self._engine = engine
        self._wake = wake
        self._counted = counted
        self._held = False
        self.take()

    def take(self) -> None:
        if self._counted and not self._held:
            self._held = True
            self._engine.occupied += 1

    def free(self) -> None:
        if self._held:
            self._held = False
            self._engine.occupied -= 1
            self._wake()


def _is_unwanted(live: LiveJob) -> bool:
    return live.job.cancel_requested_at is not None


def _refused(error: EngineRefused) -> JobError:
    return JobError("engine_refused", f"The engine answered {error.status} to this job.")


def _not_again() -> JobError:
    return JobError(
        "engine_crash",
        "The engine died or was lost while this job ran. It uses paid nodes, so it was not run "
        "again by itself; retry it if you want that.",
    )


def _ended_with_engine() -> JobError:
    return JobError(
        "engine_crash",
        "The engine ended while this run of the editor's was inside. Queue it there again.",
    )


def _output_lost(nodes: frozenset[str]) -> JobError:
    return JobError(
        "output_lost",
        "The engine's file of a paid node is gone and the node is not run again by itself.",
        node_id=min(nodes),
    )
