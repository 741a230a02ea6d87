"""The process of one engine, held by bootstrap: started, buried, started again, kept stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from studio.clients.supervisor import ChildStatus, Supervisor, SupervisorRefused
from studio.clock import Clock
from studio.services.engine import Engine, EngineListener, EngineState
from studio.services.pace import Pace
from studio.waits import set_within

BACKOFF_MAX_S: Final = 60.0
CRASH_LIMIT: Final = 5
CRASH_WINDOW_S: Final = 600.0


class EngineProcess:
    """Used by the engine's link alone.

    Args:
        supervisor: bootstrap's socket, ``None`` for an engine given by URL.
        crashed: called when the process ended and nobody had asked for that.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        supervisor: Supervisor | None,
        listener: EngineListener,
        clock: Clock,
        crashed: Callable[[ChildStatus], None],
        pace: Pace,
    ) -> None:
        self._engine = engine
        self._supervisor = supervisor
        self._listener = listener
        self._clock = clock
        self._crashed = crashed
        self._pace = pace
        self._answered = False
        self._restarting = False
        self._held = ""
        self._orders = asyncio.Lock()
        self._asked = asyncio.Event()

    @property
    def supervised(self) -> bool:
        """Bootstrap holds it."""
        return self._supervisor is not None

    @property
    def held(self) -> str:
        """Why it is kept stopped; empty when it is not."""
        return self._held

    async def running(self) -> ChildStatus | None:
        """Bootstrap's child behind a managed engine, started again if it has ended.

        Waits out the back-off; an engine that crashed too often stays stopped until asked for.
        """
        engine = self._engine
        if self._supervisor is None:
            return None
        while True:
            child = await self.child()
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
            if self._held:
                engine.enter(EngineState.STOPPED, self._held)
                self.died(counted=False)
                await self.pause(None)
                continue
            if self._is_stopped():
                engine.enter(
                    EngineState.STOPPED,
                    f"crashed {CRASH_LIMIT} times in ten minutes; last lines: "
                    + " | ".join(engine.log_tail[-5:]),
                )
                self.died(counted=False)
                await self.pause(None)
                engine.crashes.clear()
            elif engine.crashes:
                wait_s = min(self._pace.backoff_s * 2.0 ** (len(engine.crashes) - 1), BACKOFF_MAX_S)
                engine.enter(EngineState.DOWN, f"crashed; starting again in {wait_s:.0f} s")
                await self.pause(wait_s)
            async with self._orders:
                if not self._held:
                    engine.enter(EngineState.STARTING, "starting")
                    await self._supervisor.start(engine.name)

    async def child(self) -> ChildStatus:
        """What bootstrap says of it.

        Raises:
            SupervisorUnavailable, SupervisorRefused: bootstrap does not answer, or not know it.
        """
        assert self._supervisor is not None
        name = self._engine.name
        child = (await self._supervisor.status()).get(name)
        if child is None:
            raise SupervisorRefused("unknown_child", f"bootstrap holds no engine {name}")
        return child

    async def is_gone(self) -> bool:
        """Whether bootstrap says that nothing runs there; of a remote one nobody can tell.

        Raises:
            SupervisorUnavailable, SupervisorRefused: as ``child``.
        """
        return self._supervisor is not None and (await self.child()).state != "running"

    def answers(self) -> None:
        """It answered: from now on its end is no failed start."""
        self._answered = True
        self._engine.failed_starts = 0

    def died(self, *, counted: bool = True) -> None:
        """Its prompts are gone with it."""
        self._engine.new_boot("")
        self._listener.on_died(self._engine, counted=counted)

    async def kill(self) -> None:
        """End it at once; it is started again."""
        assert self._supervisor is not None
        await self._supervisor.signal(self._engine.name, "KILL")

    async def restart(self) -> None:
        """Restart it on purpose; this never counts as a crash."""
        self._held = ""
        await self._end()

    async def hold(self, reason: str) -> None:
        """Stop it on purpose and keep it so until ``release``."""
        self._held = reason
        await self._end()

    def release(self) -> None:
        """Let it start again."""
        if self._held:
            self._held = ""
            self._engine.enter(EngineState.STARTING, "starting")
        self._asked.set()

    async def pause(self, seconds: float | None) -> None:
        """Wait, or less when somebody asks for this engine."""
        self._asked.clear()
        await set_within(self._asked, seconds)

    async def _end(self) -> None:
        self._engine.crashes.clear()
        self._engine.failed_starts = 0
        if self._supervisor is not None:
            # A start that is under way must not come after this.
            async with self._orders:
                self._restarting = bool(self._engine.boot)
                await self._supervisor.stop(self._engine.name)
            # The link may notice a moment later; until then nobody shall take it for ready.
            state = EngineState.STOPPED if self._held else EngineState.STARTING
            self._engine.enter(state, self._held or "starting")
        self._asked.set()

    def _count_death(self, child: ChildStatus) -> None:
        engine = self._engine
        asked_for, self._restarting = self._restarting, False
        if not asked_for and (child.state == "running" or not child.deliberate):
            engine.crashes.append(self._clock.monotonic_s())
            engine.failed_starts += not self._answered
            self._crashed(child)
        self._answered = False
        self.died(counted=not asked_for)

    def _is_stopped(self) -> bool:
        engine = self._engine
        horizon = self._clock.monotonic_s() - CRASH_WINDOW_S
        while engine.crashes and engine.crashes[0] < horizon:
            engine.crashes.popleft()
        return len(engine.crashes) >= CRASH_LIMIT
