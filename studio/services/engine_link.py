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
    Supervisor,
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
from studio.services.pace import Pace

log = logging.getLogger(__name__)

BACKOFF_MAX_S: Final = 60.0
CRASH_LIMIT: Final = 5
CRASH_WINDOW_S: Final = 600.0
START_FACTOR: Final = 3
_LOOK_AGAIN_S: Final = 30.0
_POLL_S: Final = 0.1
_NEVER_STARTED: Final = ("start_failed", "unknown_child")


class EngineLink:
    """The life of one engine, as one task.

    Args:
        supervisor: bootstrap's socket for an engine it holds, ``None`` for one given by URL.
        changed: called when the engine may take work that it did not take before.
        crashed: called when its process ended and nobody had asked for that.
        reached: called when it was found in a life whose name is new.
        hang_s: seconds without a sign of life before a restart.
        known: the life in which an earlier Studio left it, and a prompt that had ended in it.
        pace: how long to wait for what.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        supervisor: Supervisor | None,
        listener: EngineListener,
        clock: Clock,
        changed: Callable[[], None],
        crashed: Callable[[ChildStatus], None],
        reached: Callable[[], None],
        hang_s: float,
        pace: Pace,
        known: tuple[str, str] | None = None,
    ) -> None:
        self._known = known
        self._engine = engine
        self._supervisor = supervisor
        self._listener = listener
        self._clock = clock
        self._changed = changed
        self._crashed = crashed
        self._reached = reached
        self._hang_s = hang_s
        self._pace = pace
        self._restarting = False
        self._asked = asyncio.Event()

    async def keep(self) -> None:
        """Stay connected; the body of a task."""
        engine = self._engine
        engine.last_heard_s = self._clock.monotonic_s()
        while True:
            try:
                child = await self._running_child()
                if not await self._reach(child):
                    continue
                engine.socket = await EngineSocket.open(engine.client, engine.client_id)
            except (
                EngineError,
                OSError,
                SupervisorUnavailable,
                SupervisorRefused,
            ) as error:
                self._set(EngineState.DOWN, f"not reachable: {error}")
                if isinstance(error, SupervisorRefused) and error.code in _NEVER_STARTED:
                    # Nothing runs there that could still finish what an earlier Studio sent.
                    self._died(counted=False)
                await self._give_up_hung()
                await self._pause(self._pace.tick_s)
                continue
            opened_s = self._clock.monotonic_s()
            try:
                await self._attached()
            finally:
                await engine.socket.close()
                engine.socket = None
            self._set(EngineState.DOWN, "the event socket closed; reconnecting")
            if self._clock.monotonic_s() - opened_s < self._pace.tick_s:
                # One that closes every socket at once must not keep both sides busy with that.
                await self._pause(self._pace.tick_s / 4)

    async def _running_child(self) -> ChildStatus | None:
        """Bootstrap's child behind a managed engine, started again if it has ended.

        Waits out the back-off; an engine that crashed too often stays stopped until asked for.
        """
        engine = self._engine
        if self._supervisor is None:
            return None
        while True:
            child = await self._child(self._supervisor)
            # While it starts they say what it is doing; after its end, why.
            engine.log_tail = list(child.log_tail)
            boot = f"{child.pid}:{child.start_time}"
            if child.state == "running":
                if engine.boot != boot:
                    if engine.boot:
                        self._count_death(child)
                    engine.new_boot(boot)
                    engine.last_heard_s = self._clock.monotonic_s()
                return child
            if child.exit is not None and engine.buried != child.started_at:
                engine.buried = child.started_at
                self._count_death(child)
            if self._is_stopped():
                self._set(
                    EngineState.STOPPED,
                    f"crashed {CRASH_LIMIT} times in ten minutes; last lines: "
                    + " | ".join(engine.log_tail[-5:]),
                )
                self._died(counted=False)
                await self._pause(None)
                engine.crashes.clear()
            elif engine.crashes:
                wait_s = min(self._pace.backoff_s * 2.0 ** (len(engine.crashes) - 1), BACKOFF_MAX_S)
                self._set(EngineState.DOWN, f"crashed; starting again in {wait_s:.0f} s")
                await self._pause(wait_s)
            self._set(EngineState.STARTING, "starting")
            child = await self._supervisor.start(engine.name)

    async def _child(self, supervisor: Supervisor) -> ChildStatus:
        name = self._engine.name
        child = (await supervisor.status()).get(name)
        if child is None:
            raise SupervisorRefused("unknown_child", f"bootstrap holds no engine {name}")
        return child

    def _count_death(self, child: ChildStatus) -> None:
        engine = self._engine
        asked_for, self._restarting = self._restarting, False
        if not asked_for and (child.state == "running" or not child.deliberate):
            engine.crashes.append(self._clock.monotonic_s())
            self._crashed(child)
        self._died(counted=not asked_for)

    def _died(self, *, counted: bool = True) -> None:
        self._engine.new_boot("")
        self._listener.on_died(self._engine, counted=counted)

    def _is_stopped(self) -> bool:
        engine = self._engine
        horizon = self._clock.monotonic_s() - CRASH_WINDOW_S
        while engine.crashes and engine.crashes[0] < horizon:
            engine.crashes.popleft()
        return len(engine.crashes) >= CRASH_LIMIT

    async def _reach(self, child: ChildStatus | None) -> bool:
        """Wait until the engine answers, judge its version, learn what it can run."""
        engine = self._engine
        try:
            stats = await engine.client.system_stats()
        except EngineError as error:
            if engine.state is not EngineState.STARTING or self._supervisor is None:
                self._set(EngineState.DOWN, f"not reachable: {error}")
            await self._give_up_hung()
            await self._pause(_POLL_S if child is not None else self._pace.tick_s)
            return False
        system = stats.get("system")
        named = system.get("comfyui_version") if isinstance(system, dict) else None
        engine.version = str(named or "of no known version")
        if parse_version(engine.version) < OLDEST_VERSION:
            wanted = ".".join(map(str, OLDEST_VERSION))
            first = engine.state is not EngineState.INCOMPATIBLE
            self._set(
                EngineState.INCOMPATIBLE,
                f"ComfyUI {engine.version} is too old: Studio needs {wanted} or newer",
            )
            self._died(counted=False)
            # Jobs of an earlier Studio may be loaded only now; the second look releases those.
            await self._pause(self._pace.tick_s if first else _LOOK_AGAIN_S)
            return False
        engine.learn(await engine.client.object_info())
        boot = f"{child.pid}:{child.start_time}" if child else await self._remote_boot()
        if boot != engine.boot:
            if engine.boot:
                self._died()
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
        self._set(*engine.condition(now_s))
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
                self._set(EngineState.UNRESPONSIVE, f"no answer: {error}")
                await self._give_up_hung()
                if not engine.boot or await self._is_gone():
                    return
                continue
            engine.heard(self._clock.monotonic_s())
            engine.count_foreign(len(queue.running) + len(queue.pending))
            self._changed()

    async def _is_gone(self) -> bool:
        engine = self._engine
        if self._supervisor is None:
            return False
        child = await self._child(self._supervisor)
        return child.state != "running" or f"{child.pid}:{child.start_time}" != engine.boot

    async def _give_up_hung(self) -> None:
        """Stop waiting for an engine that stays away for too long; a start may take longer."""
        engine = self._engine
        away_s = self._clock.monotonic_s() - engine.last_heard_s
        limit_s = self._hang_s * (START_FACTOR if engine.state is EngineState.STARTING else 1)
        if away_s < limit_s:
            return
        log.error("engine %s gave no sign of life for %.0f s", engine.name, away_s)
        if self._supervisor is None:
            engine.last_heard_s = self._clock.monotonic_s()
            self._died()
        elif engine.boot:
            await self._supervisor.signal(engine.name, "KILL")

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
            self._set(EngineState.UNRESPONSIVE, f"no answer: {error}")

    async def restart(self) -> None:
        """Restart a held engine on purpose; this never counts as a crash."""
        self._engine.crashes.clear()
        if self._supervisor is not None:
            self._restarting = bool(self._engine.boot)
            await self._supervisor.stop(self._engine.name)
        self._asked.set()

    def _set(self, state: EngineState, reason: str) -> None:
        engine = self._engine
        if engine.state is not state:
            log.info("engine %s: %s %s", engine.name, state, reason)
        engine.state, engine.reason = state, reason

    async def _pause(self, seconds: float | None) -> None:
        """Wait, or less when somebody asks for this engine."""
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)
