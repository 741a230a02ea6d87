"""Every engine kept connected, watched and, where bootstrap holds it, restarted.

Rules: no answer for 5 s means unresponsive and nothing new is sent (a model may be loading); a
restart happens only when the process is gone or when neither an answer nor a frame came for
``hang_s``; back-off runs from 1 to 60 s; five crashes in ten minutes stop the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from studio.clients.comfy import ComfyClient, EngineError, open_session
from studio.clients.comfy_events import EngineEvent, EngineSocket, PreviewFrame
from studio.clients.supervisor import (
    ChildStatus,
    Supervisor,
    SupervisorRefused,
    SupervisorUnavailable,
)
from studio.clock import Clock, new_id
from studio.models import Job
from studio.paths import atomic_write
from studio.services.engine import (
    OLDEST_VERSION,
    Engine,
    EngineListener,
    EngineState,
    parse_version,
)
from studio.services.events import Signal
from studio.settings import EngineSetting

__all__ = ["Engine", "EngineListener", "EngineService", "EngineState"]

log = logging.getLogger(__name__)

UNRESPONSIVE_S: Final = 5.0
STATUS_DUE_S: Final = 5.0
BACKOFF_MAX_S: Final = 60.0
CRASH_LIMIT: Final = 5
CRASH_WINDOW_S: Final = 600.0
REFRESH_MIN_S: Final = 5.0
_POLL_S: Final = 0.1
_TICK_S: Final = 1.0


class EngineService:
    """All engines by name.

    Args:
        supervisor: bootstrap's socket, or ``None`` when engines are driven by URL alone.
        record: the file that remembers client ids and boots over restarts (``engines.json``).
        hang_s: seconds without a sign of life before a restart.
    """

    def __init__(
        self,
        *,
        settings: Sequence[EngineSetting],
        supervisor: Supervisor | None,
        record: Path,
        clock: Clock,
        hang_s: float,
        tick_s: float = _TICK_S,
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._record = record
        self._clock = clock
        self._hang_s = hang_s
        self._tick_s = tick_s
        self._listener: EngineListener | None = None
        self._sessions: list[aiohttp.ClientSession] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._refreshed: dict[str, float] = {}
        self._retry: dict[str, asyncio.Event] = {}
        self.engines: dict[str, Engine] = {}
        self.changed = Signal()
        """An engine may take work that it did not take before."""

    def start(self, listener: EngineListener) -> None:
        """Begin to connect to every engine; returns at once."""
        self._listener = listener
        remembered = self._remembered()
        for setting in self._settings:
            session = open_session()
            self._sessions.append(session)
            client_id = remembered.get(setting.name, {}).get("client_id") or new_id()
            engine = Engine(
                setting=setting,
                client=ComfyClient(setting.url, session),
                client_id=client_id,
            )
            self.engines[setting.name] = engine
            self._retry[setting.name] = asyncio.Event()
            self._tasks.append(
                asyncio.create_task(self._keep(engine, session), name=f"engine {setting.name}")
            )

    async def stop(self) -> None:
        """Let go of every engine; they go on working."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self._sessions:
            await session.close()

    def accepting(self, window: int) -> list[Engine]:
        """Engines with room, the emptiest first."""
        free = [engine for engine in self.engines.values() if engine.has_room(window)]
        return sorted(free, key=lambda engine: engine.occupied) if len(free) > 1 else free

    def infos(self) -> list[dict[str, Any]]:
        """What every engine that was ever reached can run."""
        return [engine.info for engine in self.engines.values() if engine.info is not None]

    def any_can_run(self, job: Job) -> bool:
        """Whether some engine can run the job, or might once it has been reached."""
        return any(engine.info is None or engine.can_run(job) for engine in self.engines.values())

    async def refresh(self) -> bool:
        """Ask every ready engine again what it can run, at most once in five seconds each.

        Returns:
            Whether anything was asked: models and nodes may have come since.
        """
        asked = False
        for engine in list(self.engines.values()):
            now_s = self._clock.monotonic_s()
            due = now_s - self._refreshed.get(engine.name, -REFRESH_MIN_S) >= REFRESH_MIN_S
            if engine.ready and due:
                self._refreshed[engine.name] = now_s
                with contextlib.suppress(EngineError):
                    engine.learn(await engine.client.object_info())
                    asked = True
        return asked

    async def restart(self, name: str) -> None:
        """Restart a managed engine on purpose; this never counts as a crash."""
        engine = self.engines[name]
        engine.crashes.clear()
        if self._supervisor is not None and engine.managed:
            await self._supervisor.stop(name)
        self._retry[name].set()

    # -- the life of one engine ------------------------------------------------------------------

    async def _keep(self, engine: Engine, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                child = await self._running_child(engine)
                if not await self._reach(engine, child):
                    continue
                engine.socket = await EngineSocket.open(
                    session, engine.client.base_url, engine.client_id
                )
            except (
                EngineError,
                aiohttp.ClientError,
                OSError,
                SupervisorUnavailable,
                SupervisorRefused,
            ) as error:
                self._set(engine, EngineState.DOWN, f"not reachable: {error}")
                await self._lose_hung_remote(engine)
                await self._pause(engine, self._tick_s)
                continue
            try:
                await self._attached(engine)
            finally:
                await engine.socket.close()
                engine.socket = None
            self._set(engine, EngineState.DOWN, "the event socket closed; reconnecting")

    async def _running_child(self, engine: Engine) -> ChildStatus | None:
        """Bootstrap's child behind a managed engine, started again if it has ended.

        Waits out the back-off; an engine that crashed too often stays stopped until asked for.
        """
        if self._supervisor is None or not engine.managed:
            return None
        while True:
            child = (await self._supervisor.status())[engine.name]
            boot = f"{child.pid}:{child.start_time}"
            if child.state == "running":
                if engine.boot != boot:
                    if engine.boot:
                        self._count_death(engine, child)
                    engine.new_boot(boot)
                return child
            if child.exit is not None and engine.buried != child.started_at:
                engine.buried = child.started_at
                self._count_death(engine, child)
            engine.log_tail = list(child.log_tail)
            if self._is_stopped(engine):
                self._set(
                    engine,
                    EngineState.STOPPED,
                    f"crashed {CRASH_LIMIT} times in ten minutes; last lines: "
                    + " | ".join(engine.log_tail[-5:]),
                )
                await self._pause(engine, None)
                engine.crashes.clear()
            elif engine.crashes:
                wait_s = min(2.0 ** (len(engine.crashes) - 1), BACKOFF_MAX_S)
                self._set(engine, EngineState.DOWN, f"crashed; starting again in {wait_s:.0f} s")
                await self._pause(engine, wait_s)
            child = await self._supervisor.start(engine.name)
            self._set(engine, EngineState.STARTING, "starting")

    def _count_death(self, engine: Engine, child: ChildStatus) -> None:
        if child.state == "running" or not child.deliberate:
            engine.crashes.append(self._clock.monotonic_s())
            log.warning("engine %s died: %s", engine.name, child.exit)
        self._died(engine)

    def _died(self, engine: Engine) -> None:
        boot = engine.boot
        engine.new_boot("")
        if boot and self._listener is not None:
            self._listener.on_died(engine)

    def _is_stopped(self, engine: Engine) -> bool:
        horizon = self._clock.monotonic_s() - CRASH_WINDOW_S
        while engine.crashes and engine.crashes[0] < horizon:
            engine.crashes.popleft()
        return len(engine.crashes) >= CRASH_LIMIT

    async def _reach(self, engine: Engine, child: ChildStatus | None) -> bool:
        """Wait until the engine answers, judge its version, learn what it can run."""
        try:
            stats = await engine.client.system_stats()
        except EngineError as error:
            if engine.state is not EngineState.STARTING:
                self._set(engine, EngineState.DOWN, f"not reachable: {error}")
                await self._lose_hung_remote(engine)
            await self._pause(engine, _POLL_S if child is not None else self._tick_s)
            return False
        engine.version = str(stats.get("system", {}).get("comfyui_version", ""))
        if parse_version(engine.version) < OLDEST_VERSION:
            wanted = ".".join(map(str, OLDEST_VERSION))
            self._set(
                engine,
                EngineState.INCOMPATIBLE,
                f"ComfyUI {engine.version} is too old: Studio needs {wanted} or newer",
            )
            await self._pause(engine, 30.0)
            return False
        engine.learn(await engine.client.object_info())
        boot = f"{child.pid}:{child.start_time}" if child else await self._remote_boot(engine)
        if boot != engine.boot:
            if engine.boot:
                self._died(engine)
            engine.new_boot(boot)
        self._remember()
        return True

    async def _remote_boot(self, engine: Engine) -> str:
        """The name of a remote engine's present life; engines do not tell, so look for traces."""
        if engine.boot:
            assert self._listener is not None
            queue = await engine.client.queue()
            if any(self._listener.holds(engine, prompt) for prompt in queue.running):
                return engine.boot
            if any(self._listener.holds(engine, prompt) for prompt in queue.pending):
                return engine.boot
            if engine.marker and await engine.client.history(engine.marker) is not None:
                return engine.boot
        return f"remote-{new_id()}"

    async def _attached(self, engine: Engine) -> None:
        """Read frames and watch health until the socket is of no more use."""
        assert engine.socket is not None and self._listener is not None
        now_s = self._clock.monotonic_s()
        engine.epoch += 1
        engine.last_frame_s = now_s
        engine.submitted_s = None
        engine.heard(now_s)
        self._set(engine, EngineState.READY, "")
        await self._drop_strays(engine)
        self._listener.on_attached(engine)
        self.changed.emit()
        reader = asyncio.create_task(engine.socket.read(lambda frame: self._frame(engine, frame)))
        watcher = asyncio.create_task(self._watch(engine))
        try:
            await asyncio.wait({reader, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, watcher):
                task.cancel()
            await asyncio.gather(reader, watcher, return_exceptions=True)

    def _frame(self, engine: Engine, frame: EngineEvent | PreviewFrame) -> None:
        now_s = self._clock.monotonic_s()
        engine.last_frame_s = now_s
        engine.submitted_s = None
        engine.heard(now_s)
        if isinstance(frame, EngineEvent) and frame.type == "status":
            info = (frame.data.get("status") or {}).get("exec_info") or {}
            if engine.count_foreign(int(info.get("queue_remaining", 0))):
                self.changed.emit()
            return
        assert self._listener is not None
        self._listener.on_frame(engine, frame)

    async def _watch(self, engine: Engine) -> None:
        """Return when the socket must be opened anew or the process must be looked at."""
        assert self._listener is not None
        while True:
            await asyncio.sleep(self._tick_s)
            now_s = self._clock.monotonic_s()
            if engine.submitted_s is not None and now_s - engine.submitted_s > STATUS_DUE_S:
                log.warning("engine %s: no frame after a submit; new socket", engine.name)
                return
            if engine.ready:
                self._listener.on_idle_check(engine)
            if engine.ready and now_s - engine.last_heard_s < UNRESPONSIVE_S:
                continue
            try:
                queue = await engine.client.queue()
            except EngineError as error:
                self._set(engine, EngineState.UNRESPONSIVE, f"no answer: {error}")
                if await self._is_gone(engine) or await self._is_hung(engine):
                    return
                continue
            engine.heard(self._clock.monotonic_s())
            engine.count_foreign(len(queue.running) + len(queue.pending))
            self.changed.emit()

    async def _is_gone(self, engine: Engine) -> bool:
        if self._supervisor is None or not engine.managed:
            return False
        child = (await self._supervisor.status())[engine.name]
        return child.state != "running" or f"{child.pid}:{child.start_time}" != engine.boot

    async def _is_hung(self, engine: Engine) -> bool:
        if self._clock.monotonic_s() - engine.last_heard_s < self._hang_s:
            return False
        log.error("engine %s gave no sign of life for %.0f s", engine.name, self._hang_s)
        if self._supervisor is not None and engine.managed:
            await self._supervisor.signal(engine.name, "KILL")
        else:
            self._died(engine)
        return True

    async def _lose_hung_remote(self, engine: Engine) -> None:
        """Give up what is inside an engine by URL that stays away for too long."""
        away_s = self._clock.monotonic_s() - engine.last_heard_s
        if not engine.managed and engine.boot and away_s >= self._hang_s:
            self._died(engine)

    async def _drop_strays(self, engine: Engine) -> None:
        """Cancel prompts of ours that no live job stands behind."""
        assert self._listener is not None
        with contextlib.suppress(EngineError):
            queue = await engine.client.queue()
            for prompt_id, client_id in queue.clients.items():
                if client_id == engine.client_id and not self._listener.holds(engine, prompt_id):
                    await engine.client.cancel(prompt_id)
            engine.foreign = sum(1 for owner in queue.clients.values() if owner != engine.client_id)

    def _set(self, engine: Engine, state: EngineState, reason: str) -> None:
        if engine.state is not state:
            log.info("engine %s: %s %s", engine.name, state, reason)
        engine.state, engine.reason = state, reason

    async def _pause(self, engine: Engine, seconds: float | None) -> None:
        """Wait, or less when somebody asks for this engine."""
        event = self._retry[engine.name]
        event.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    # -- what is remembered over restarts --------------------------------------------------------

    def _remembered(self) -> dict[str, Any]:
        try:
            content = json.loads(self._record.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _remember(self) -> None:
        content = {
            engine.name: {
                "client_id": engine.client_id,
                "boot": engine.boot,
                "url": engine.setting.url,
            }
            for engine in self.engines.values()
        }
        try:
            atomic_write(self._record, json.dumps(content).encode())
        except OSError as error:
            log.warning("engines.json cannot be written: %s", error)
