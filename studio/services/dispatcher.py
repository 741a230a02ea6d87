"""Which waiting job goes to which engine, and when.

Order: priority, then the user with the least recent GPU time, then model affinity, then age. An
engine gets at most two jobs, one running and one ready, so that it never idles and everything else
stays in the durable queue where it can still be moved or cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from studio.clock import Clock
from studio.models import Job
from studio.services.engines import Engine, EngineService
from studio.services.queue import MAX_OVERTAKEN_S, MAX_OVERTAKES, JobQueue, LiveJob, WaitingLine
from studio.services.usage import Usage

log = logging.getLogger(__name__)

WINDOW: Final = 2
_SCAN_BLINDLY: Final = 64


class Dispatcher:
    """Matches waiting jobs with free engines whenever either changes.

    Args:
        start: hands a claimed job to an engine; must not block.
        expire: ends a claimed job whose deadline has passed.
        take_back: asks an engine for a job back that it has not started.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        engines: EngineService,
        usage: Usage,
        clock: Clock,
        start: Callable[[Engine, LiveJob], None],
        expire: Callable[[LiveJob], Awaitable[None]],
        take_back: Callable[[LiveJob], None],
    ) -> None:
        self._queue = queue
        self._engines = engines
        self._usage = usage
        self._clock = clock
        self._start = start
        self._expire = expire
        self._take_back = take_back
        self._scheduled = False
        self._stopped = False
        engines.changed.connect(self.wake)

    def wake(self) -> None:
        """Look again soon; many calls in one turn of the loop become one look."""
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._look)

    def reserve(self, job: Job) -> Engine | None:
        """A place inside an engine for a job that is not stored yet, when nobody waits for one.

        The caller stores where the job goes in the accepting commit, which saves a second one.
        """
        if self._stopped or not self._queue.is_sending or self._queue.has_waiting:
            return None
        for engine in self._engines.accepting(WINDOW):
            if engine.can_run(job):
                engine.occupied += 1
                return engine
        return None

    def stop(self) -> None:
        """Hand nothing more to any engine."""
        self._stopped = True

    def _look(self) -> None:
        self._scheduled = False
        if self._stopped or not self._queue.is_sending:
            return
        progressing = True
        while progressing:
            progressing = False
            for engine in self._engines.accepting(WINDOW):
                live = self.pick(engine)
                if live is not None:
                    self._queue.claim(live)
                    self._start(engine, live)
                    progressing = True

    def pick(self, engine: Engine) -> LiveJob | None:
        """The job ``engine`` should get next, still in its line, or ``None``."""
        now_s = self._clock.monotonic_s()
        for _, users in self._queue.lines():
            for user_id in self._usage.least_first(users):
                live = self._from_line(users[user_id], engine, now_s)
                if live is not None:
                    return live
        return None

    def _from_line(self, line: WaitingLine, engine: Engine, now_s: float) -> LiveJob | None:
        runnable = self._runnable(line, engine)
        head = next(runnable, None)
        if head is None:
            return None
        if head.head_since_s is None:
            head.head_since_s = now_s
        if engine.has_loaded(head.job) or now_s - head.head_since_s >= MAX_OVERTAKEN_S:
            return head
        passed = [head]
        for live in runnable:
            if len(passed) > MAX_OVERTAKES or passed[-1].overtaken >= MAX_OVERTAKES:
                break
            if engine.has_loaded(live.job):
                for other in passed:
                    other.overtaken += 1
                return live
            passed.append(live)
        return head

    def _runnable(self, line: WaitingLine, engine: Engine) -> Iterator[LiveJob]:
        """The jobs of a line that ``engine`` can take, however many others stand before them."""
        found = 0
        wanted = len(line)
        for number, live in enumerate(line):
            if number == _SCAN_BLINDLY:
                # Few kinds of job, many jobs: do not look through thousands for none.
                wanted = sum(count for job, count in line.shapes() if self._suits(engine, job))
            if found >= wanted:
                return
            if self._suits(engine, live.job):
                found += 1
                if not live.held and engine.name not in live.excluded:
                    yield live

    def _suits(self, engine: Engine, job: Job) -> bool:
        """A job that no engine can run goes to any of them, to be refused there with a reason."""
        return engine.can_run(job) or not self._engines.any_can_run(job)

    async def watch_deadlines(self) -> None:
        """End jobs whose deadline passes before they start; runs until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            now_ms = self._clock.now_ms()
            late = [live for live in self._queue.live.values() if live.is_late(now_ms)]
            for live in late:
                if live.waiting:
                    self._queue.claim(live)
                    await self._expire(live)
                else:
                    self._take_back(live)
