"""Follows every prompt inside every engine: frames first, history where frames may be missing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from studio.clients.comfy import EngineError
from studio.clients.comfy_events import EngineEvent, PreviewFrame
from studio.clock import Clock
from studio.errors import StudioError
from studio.models import JobStatus, Preview
from studio.services.collector import Collector
from studio.services.engine import Engine
from studio.services.pace import Pace
from studio.services.queue import LiveJob
from studio.services.run import End, Ended, Run
from studio.services.watchdog import Watchdog
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)

EARLY_S: Final = 0.25
"""A job that runs longer than this gets its start and its early outputs committed by the way."""


class Follower:
    """The listener of all engines."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        collector: Collector,
        clock: Clock,
        pace: Pace,
        watchdog: Watchdog,
    ) -> None:
        self._jobs = jobs
        self._collector = collector
        self._clock = clock
        self._pace = pace
        self._watchdog = watchdog
        self._runs: dict[tuple[str, str], Run] = {}
        self._expected: set[tuple[str, str]] = set()
        self._attached: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, engine: Engine, prompt_id: str) -> None:
        """A live job will ask about that prompt soon: until then it is no stray."""
        self._expected.add((engine.name, prompt_id))

    def open(
        self, engine: Engine, live: LiveJob, prompt_id: str, classes: Mapping[str, str]
    ) -> Run:
        """Begin to listen for a prompt, before it is sent."""
        run = Run(
            live=live,
            engine=engine,
            prompt_id=prompt_id,
            boot=engine.boot,
            epoch=engine.epoch,
            classes=classes,
            ended=asyncio.get_running_loop().create_future(),
            last_news_s=self._clock.monotonic_s(),
            dropped_frames=engine.dropped_frames,
        )
        self._runs[engine.name, prompt_id] = run
        self._expected.discard((engine.name, prompt_id))
        return run

    def close(self, run: Run) -> None:
        """Stop listening; frames that still come are of no interest."""
        self._runs.pop((run.engine.name, run.prompt_id), None)
        run.ended.cancel()
        for timer in run.timers:
            # A timer that comes too late still wakes everybody up.
            timer.cancel()

    async def stop(self) -> None:
        """End the checks under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_attached(self, run: Run) -> None:
        """Until the run's engine is connected for the first time, or the run has ended."""
        attached = self._attached.setdefault(run.engine.name, asyncio.Event())
        waiting = asyncio.create_task(attached.wait())
        either: set[asyncio.Future[Any]] = {waiting, run.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    # -- what engines say ------------------------------------------------------------------------

    def holds(self, engine: Engine, prompt_id: str) -> bool:
        """Whether a live job stands behind that prompt."""
        key = (engine.name, prompt_id)
        return key in self._runs or key in self._expected

    def prompts(self, engine: Engine) -> list[str]:
        """The prompts that were accepted by that engine and have not ended."""
        return [run.prompt_id for run in self._inside(engine) if run.accepted]

    def on_frame(self, engine: Engine, frame: EngineEvent | PreviewFrame) -> None:
        """One frame of an engine's socket."""
        if isinstance(frame, PreviewFrame):
            self._show_preview(engine, frame)
            return
        prompt_id = frame.prompt_id
        run = self._runs.get((engine.name, prompt_id)) if prompt_id is not None else None
        if run is None:
            if frame.type != "execution_start" or prompt_id is None:
                return
            if not self.holds(engine, prompt_id):
                self._soon(self._drop_stray(engine, prompt_id))
            return
        self._take(run, frame)

    def _take(self, run: Run, frame: EngineEvent) -> None:
        run.last_news_s = run.last_progress_s = self._clock.monotonic_s()
        if frame.type == "execution_start":
            if not run.executing:
                self._started(run)
        elif run.receive(frame):
            run.live.progress = progress = run.progress()
            for watcher in run.live.watchers:
                watcher.show_progress(progress)
            # Of a run of the editor's the list of what was cached may have been missed.
            if frame.type == "executed" and not run.ended.done() and not run.live.job.from_editor:
                node_id = str(frame.data.get("node"))
                if node_id in run.outputs:
                    run.later(EARLY_S, lambda: self._soon(self._collect_early(run, node_id)))
        elif frame.type == "execution_success" and not run.ended.done():
            self._look_soon(run)

    def follows_editor(self, engine: Engine) -> bool:
        """Whether a run of the editor's is inside that engine."""
        return any(run.live.job.from_editor for run in self._inside(engine))

    def on_overheard(self, engine: Engine, frame: EngineEvent | PreviewFrame) -> None:
        """A frame that the engine sent to the editor: news of the editor's own runs only."""
        if isinstance(frame, PreviewFrame):
            self._show_preview(engine, frame, of_editor=True)
            return
        run = self._runs.get((engine.name, frame.prompt_id or ""))
        if run is not None and run.live.job.from_editor:
            self._take(run, frame)

    def on_attached(self, engine: Engine) -> None:
        """Frames may have been missed: ask about every prompt."""
        self._attached.setdefault(engine.name, asyncio.Event()).set()
        inside = self._inside(engine)
        if engine.socket is not None:
            engine.socket.wants_states = bool(inside)
        for run in inside:
            run.epoch = -1
            run.last_progress_s = self._clock.monotonic_s()
            if run.boot != engine.boot and run.accepted:
                run.end(Ended(End.DIED, counted=run.is_suspect))
            else:
                self._look_soon(run)

    def on_died(self, engine: Engine, *, counted: bool) -> None:
        """The engine's process is gone and every prompt inside with it."""
        inside = self._inside(engine)
        first = next((run for run in inside if run.accepted), None)
        if first is not None and first.live.job.paid and first.may_have_started:
            # Its first frame may have died with the engine, and money is not spent on a guess.
            first.live.update(executing=True)
        # A graph that kills the engine while it is judged must not be judged for ever, but one
        # that was merely on its way while another ran has done nothing.
        busy = any(run.executing for run in inside)
        for run in inside:
            guilty = run.is_suspect or (run.awaiting_reply and not busy)
            run.end(Ended(End.DIED, counted=counted and guilty))

    def on_idle_check(self, engine: Engine) -> None:
        """Repeat cancels, and ask about prompts that have been quiet."""
        now_s = self._clock.monotonic_s()
        quiet = []
        for run in self._inside(engine):
            if not run.accepted:
                continue
            if (work := self._watchdog.due(run, now_s)) is not None:
                self._soon(work)
            if run.live.job.cancel_requested_at is not None:
                self._soon(self._cancel_and_look(run))
            elif now_s - run.last_news_s >= self._pace.quiet_s:
                quiet.append(run)
        if quiet:
            self._soon(self._look_at(engine, quiet))

    def cancel(self, live: LiveJob) -> None:
        """Send the first cancel of a job at once; ``on_idle_check`` repeats it."""
        for run in list(self._runs.values()):
            if run.live is live and run.accepted:
                self._soon(self._cancel_and_look(run))

    def take_back(self, live: LiveJob) -> None:
        """Ask for an accepted job back whose deadline has passed, unless it has started."""
        for run in list(self._runs.values()):
            if run.live is live and run.accepted and not run.executing:
                self._soon(self._take_back(run))

    async def _take_back(self, run: Run) -> None:
        run.live.overdue = True
        with contextlib.suppress(EngineError):
            await run.engine.client.delete_pending(run.prompt_id)
        await self._look_or_bury(run)

    async def withdraw(self, run: Run) -> None:
        """Take an accepted prompt back; its end is of no interest."""
        with contextlib.suppress(EngineError):
            await run.engine.client.cancel(run.prompt_id)

    async def _drop_stray(self, engine: Engine, prompt_id: str) -> None:
        """End a prompt of ours that was given up for lost and arrived after all."""
        log.warning("engine %s runs a prompt that no job waits for; cancelling it", engine.name)
        with contextlib.suppress(EngineError):
            await engine.client.cancel(prompt_id)

    def _inside(self, engine: Engine) -> list[Run]:
        return [run for run in self._runs.values() if run.engine is engine]

    # -- starting, previews, early outputs -------------------------------------------------------

    def _started(self, run: Run) -> None:
        run.executing = True
        run.last_progress_s = self._clock.monotonic_s()
        live = run.live
        queued = live.job.status is JobStatus.QUEUED
        live.update(
            status=JobStatus.RUNNING if queued else live.job.status,
            started_at=self._clock.now_ms(),
            executing=True,
        )
        live.started_s = self._clock.monotonic_s()
        live.announce()
        if live.job.paid:
            self._soon(self._persist_start(run))
        else:
            run.later(EARLY_S, lambda: self._soon(self._persist_start(run)))

    async def _persist_start(self, run: Run) -> None:
        """Best effort: what is not stored counts in the job's favour after a crash."""
        if not run.ended.done():
            with contextlib.suppress(StudioError):
                await self._jobs.update_start(
                    run.live.job, durable=run.live.job.paid or not run.engine.managed
                )

    async def _collect_early(self, run: Run, node_id: str) -> None:
        if run.ended.done() or node_id in (run.cached or ()):
            return
        await self._collector.collect_early(run.engine, run.live, {node_id: run.outputs[node_id]})

    def _show_preview(
        self, engine: Engine, frame: PreviewFrame, *, of_editor: bool = False
    ) -> None:
        if frame.prompt_id is not None:
            run = self._runs.get((engine.name, frame.prompt_id))
        else:
            run = next((other for other in self._inside(engine) if other.executing), None)
        if run is None or run.live.job.from_editor is not of_editor:
            return
        run.last_news_s = run.last_progress_s = self._clock.monotonic_s()
        node_id = frame.node_id or run.node or ""
        run.live.preview = preview = Preview(node_id, frame.content_type, frame.data)
        for watcher in run.live.watchers:
            watcher.show_preview(preview)

    # -- asking ----------------------------------------------------------------------------------

    async def look(self, run: Run) -> bool:
        """Ask the engine about a prompt; return whether it knows it.

        A finished one is ended from its history. Asked in the order history, queue, history,
        because a prompt can move from one to the other between two questions.
        """
        client = run.engine.client
        entry = await client.history(run.prompt_id)
        if entry is None:
            queue = await client.queue()
            if run.prompt_id in queue:
                run.last_news_s = self._clock.monotonic_s()
                run.seen_pending = run.prompt_id in queue.pending
                if not run.seen_pending and not run.executing:
                    self._started(run)
                return True
            entry = await client.history(run.prompt_id)
        if entry is None:
            return False
        run.read_history(entry)
        return True

    async def _look_or_bury(self, run: Run) -> None:
        if run.looking or run.ended.done():
            return
        run.looking = True
        try:
            # An answer tells nothing of a prompt that was accepted after the question.
            boot, accepted = run.engine.boot, run.accepted
            known = await self.look(run)
            if not known and accepted and boot == run.engine.boot:
                died = run.boot != boot
                end = Ended(End.DIED, counted=run.is_suspect) if died else Ended(End.VANISHED)
                run.end(end)
        except EngineError as error:
            log.debug("engine %s does not answer: %s", run.engine.name, error)
        finally:
            run.looking = False

    async def _look_at(self, engine: Engine, runs: list[Run]) -> None:
        """Ask about quiet prompts; those that wait in a long line cost one question together."""
        waiting: frozenset[str] = frozenset()
        if len(runs) > 1:
            try:
                waiting = frozenset((await engine.client.queue()).pending)
            except EngineError as error:
                log.debug("engine %s does not answer: %s", engine.name, error)
                return
        for run in runs:
            if run.prompt_id in waiting:
                run.last_news_s = self._clock.monotonic_s()
                run.seen_pending = True
            else:
                await self._look_or_bury(run)

    async def _cancel_and_look(self, run: Run) -> None:
        with contextlib.suppress(EngineError):
            await run.engine.client.cancel(run.prompt_id)
        await self._look_or_bury(run)

    def _look_soon(self, run: Run) -> None:
        self._soon(self._look_or_bury(run))

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
