"""One engine kept connected: reached, judged, followed, watched, buried and started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from studio.clients.comfy import EngineError
from studio.clients.comfy_events import EngineEvent, EngineSocket, PreviewFrame
from studio.clients.supervisor import (
    ChildStatus,
    SupervisorRefused,
    SupervisorUnavailable,
)
from studio.clock import Clock, new_id
from studio.services.engine import (
    OLDEST_VERSION,
    Engine,
    EngineListener,
    EngineState,
    parse_version,
)
from studio.services.engine_process import EngineProcess
from studio.services.pace import Pace

log = logging.getLogger(__name__)

START_FACTOR: Final = 3
_LOOK_AGAIN_S: Final = 30.0
_POLL_S: Final = 0.1
_NEVER_STARTED: Final = ("start_failed", "unknown_child")


class EngineLink:
    """The life of one engine, as one task.

    Args:
        process: the engine's process, where bootstrap holds it.
        changed: called when the engine may take work that it did not take before.
        reached: called when it was found in a life whose name is new.
        hang_s: seconds without a sign of life before a restart.
        known: the life in which an earlier Studio left it, and a prompt that had ended in it.
        pace: how long to wait for what.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        process: EngineProcess,
        listener: EngineListener,
        clock: Clock,
        changed: Callable[[], None],
        reached: Callable[[], None],
        hang_s: float,
        pace: Pace,
        known: tuple[str, str] | None = None,
    ) -> None:
        self._known = known
        self._engine = engine
        self._process = process
        self._listener = listener
        self._clock = clock
        self._changed = changed
        self._reached = reached
        self._hang_s = hang_s
        self._pace = pace

    async def keep(self) -> None:
        """Stay connected, whatever happens on the way; the body of a task."""
        engine = self._engine
        engine.last_heard_s = self._clock.monotonic_s()
        while True:
            try:
                await self._live_once()
            except Exception:
                # An engine may say anything, and one that nobody keeps would never come back.
                log.exception("engine %s: its connection failed; trying again", engine.name)
                engine.enter(EngineState.DOWN, "its connection failed; the log says how")
                await self._process.pause(self._pace.rest_s)

    async def _live_once(self) -> None:
        """One connection, from the look at its process to the end of its socket."""
        engine = self._engine
        try:
            child = await self._process.running()
            if not await self._reach(child):
                return
            engine.socket = await EngineSocket.open(engine.client, engine.client_id)
        except (EngineError, OSError, SupervisorUnavailable, SupervisorRefused) as error:
            engine.enter(EngineState.DOWN, f"not reachable: {error}")
            if isinstance(error, SupervisorRefused) and error.code in _NEVER_STARTED:
                # Nothing runs there that could still finish what an earlier Studio sent.
                self._process.died(counted=False)
            await self._give_up_hung()
            await self._process.pause(self._pace.tick_s)
            return
        opened_s = self._clock.monotonic_s()
        try:
            await self._attached()
        finally:
            await engine.socket.close()
            engine.socket = None
        engine.enter(EngineState.DOWN, "the event socket closed; reconnecting")
        if self._clock.monotonic_s() - opened_s < self._pace.tick_s:
            # One that closes every socket at once must not keep both sides busy with that.
            await self._process.pause(self._pace.tick_s / 4)

    async def _reach(self, child: ChildStatus | None) -> bool:
        """Wait until the engine answers, judge its version, learn what it can run."""
        engine = self._engine
        try:
            stats = await engine.client.system_stats()
        except EngineError as error:
            if engine.state is not EngineState.STARTING or not self._process.supervised:
                engine.enter(EngineState.DOWN, f"not reachable: {error}")
            await self._give_up_hung()
            await self._process.pause(_POLL_S if child is not None else self._pace.tick_s)
            return False
        system = stats.get("system")
        named = system.get("comfyui_version") if isinstance(system, dict) else None
        engine.version = str(named or "of no known version")
        if parse_version(engine.version) < OLDEST_VERSION:
            wanted = ".".join(map(str, OLDEST_VERSION))
            first = engine.state is not EngineState.INCOMPATIBLE
            engine.enter(
                EngineState.INCOMPATIBLE,
                f"ComfyUI {engine.version} is too old: Studio needs {wanted} or newer",
            )
            self._process.died(counted=False)
            # Jobs of an earlier Studio may be loaded only now; the second look releases those.
            await self._process.pause(self._pace.tick_s if first else _LOOK_AGAIN_S)
            return False
        engine.learn(await engine.client.object_info())
        self._process.answers()
        boot = f"{child.pid}:{child.start_time}" if child else await self._remote_boot()
        if boot != engine.boot:
            if engine.boot:
                self._process.died()
            engine.new_boot(boot)
            if self._known is not None and boot == self._known[0]:
                engine.marker = self._known[1]
            self._known = None
        self._reached()
        return True

    async def _remote_boot(self) -> str:
        """The name of a remote engine's present life; engines do not tell, so look for traces."""
        engine = self._engine
        known = None if engine.boot else self._known
        if known is not None and await engine.client.history(known[1]) is not None:
            return known[0]
        if engine.boot:
            # Before the question: its answer tells nothing of what is accepted after it.
            inside = self._listener.prompts(engine)
            queue = await engine.client.queue()
            if any(prompt in queue for prompt in inside):
                return engine.boot
            traces = [*inside, *([engine.marker] if engine.marker else [])]
            for prompt in traces:
                if await engine.client.history(prompt) is not None:
                    return engine.boot
            if not traces:
                # Nothing was inside that another life could have lost.
                return engine.boot
        return f"remote-{new_id()}"

    async def _attached(self) -> None:
        """Read frames and watch health until the socket is of no more use."""
        engine = self._engine
        assert engine.socket is not None
        now_s = self._clock.monotonic_s()
        engine.epoch += 1
        engine.last_frame_s = now_s
        engine.submitted_s = None
        engine.heard(now_s)
        engine.enter(*engine.condition(now_s))
        await self._drop_strays()
        self._listener.on_attached(engine)
        self._changed()
        reader = asyncio.create_task(engine.socket.read(self._frame))
        watcher = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({reader, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, watcher):
                task.cancel()
            await asyncio.gather(reader, watcher, return_exceptions=True)

    def _frame(self, frame: EngineEvent | PreviewFrame) -> None:
        engine = self._engine
        now_s = self._clock.monotonic_s()
        engine.last_frame_s = now_s
        engine.submitted_s = None
        if engine.heard(now_s):
            self._changed()
        if isinstance(frame, EngineEvent) and frame.type == "status":
            info = (frame.data.get("status") or {}).get("exec_info") or {}
            if engine.count_foreign(int(info.get("queue_remaining", 0))):
                self._changed()
            return
        self._listener.on_frame(engine, frame)

    async def _watch(self) -> None:
        """Return when the socket must be opened anew or the process must be looked at."""
        engine = self._engine
        while True:
            await asyncio.sleep(self._pace.tick_s)
            now_s = self._clock.monotonic_s()
            overdue_s = now_s - (engine.submitted_s if engine.submitted_s is not None else now_s)
            if overdue_s > self._pace.status_due_s:
                log.warning("engine %s: no frame after a submit; new socket", engine.name)
                return
            if engine.ready or now_s < engine.rests_until_s:
                self._listener.on_idle_check(engine)
            if engine.ready and now_s - engine.last_heard_s < self._pace.tick_s:
                continue
            try:
                queue = await engine.client.queue(timeout_s=self._pace.unresponsive_s)
            except EngineError as error:
                engine.enter(EngineState.UNRESPONSIVE, f"no answer: {error}")
                await self._give_up_hung()
                if not engine.boot or await self._is_gone():
                    return
                continue
            engine.heard(self._clock.monotonic_s())
            engine.count_foreign(len(queue.running) + len(queue.pending))
            self._changed()

    async def _is_gone(self) -> bool:
        engine = self._engine
        if not self._process.supervised:
            return False
        child = await self._process.child()
        return child.state != "running" or f"{child.pid}:{child.start_time}" != engine.boot

    async def _give_up_hung(self) -> None:
        """Stop waiting for an engine that stays away for too long; a start may take longer."""
        engine = self._engine
        away_s = self._clock.monotonic_s() - engine.last_heard_s
        limit_s = self._hang_s * (START_FACTOR if engine.state is EngineState.STARTING else 1)
        if away_s < limit_s:
            return
        log.error("engine %s gave no sign of life for %.0f s", engine.name, away_s)
        if not self._process.supervised:
            engine.last_heard_s = self._clock.monotonic_s()
            self._process.died()
        elif engine.boot:
            # It may have ended by now, and a bootstrap that is away is asked again.
            with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
                await self._process.kill()

    async def _drop_strays(self) -> None:
        """Cancel prompts of ours that no live job stands behind."""
        engine = self._engine
        try:
            queue = await engine.client.queue(timeout_s=self._pace.unresponsive_s)
            for prompt_id, client_id in queue.clients.items():
                if client_id == engine.client_id and not self._listener.holds(engine, prompt_id):
                    await engine.client.cancel(prompt_id)
            engine.foreign = sum(1 for owner in queue.clients.values() if owner != engine.client_id)
        except EngineError as error:
            engine.enter(EngineState.UNRESPONSIVE, f"no answer: {error}")
