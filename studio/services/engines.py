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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studio.clients.comfy import ComfyClient, EngineError
from studio.clients.comfy_models import read_model_lists
from studio.clients.supervisor import (
    ChildStatus,
    Supervisor,
    SupervisorRefused,
    SupervisorUnavailable,
)
from studio.clock import Clock, new_id
from studio.errors import Unavailable
from studio.graphs.graph import Graph
from studio.graphs.model_inputs import ModelInput, missing_models
from studio.models import Job, Record, unrecorded
from studio.paths import atomic_write
from studio.services.background import watched
from studio.services.engine import Engine, EngineListener, EngineState
from studio.services.engine_link import START_FACTOR, EngineLink
from studio.services.engine_process import EngineProcess
from studio.services.events import Signal
from studio.services.pace import Pace
from studio.settings import EngineSetting

__all__ = ["Engine", "EngineListener", "EngineService", "EngineState"]

log = logging.getLogger(__name__)

REFRESH_MIN_S: Final = 5.0


class EngineService:
    """All engines by name.

    Args:
        supervisor: bootstrap's socket, or ``None`` when engines are driven by URL alone.
        record: the file that remembers client ids and boots over restarts (``engines.json``).
        hang_s: seconds without a sign of life before a restart.
        tell: told of crashes.
    """

    def __init__(
        self,
        *,
        settings: Sequence[EngineSetting],
        supervisor: Supervisor | None,
        record: Path,
        clock: Clock,
        hang_s: float,
        pace: Pace,
        tell: Record = unrecorded,
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._record = record
        self._clock = clock
        self._hang_s = hang_s
        self._pace = pace
        self._tell = tell
        self._tasks: list[asyncio.Task[None]] = []
        self._refreshed: dict[str, float] = {}
        self._started_s = clock.monotonic_s()
        self._links: dict[str, EngineLink] = {}
        self._processes: dict[str, EngineProcess] = {}
        self._records: dict[str, dict[str, str]] = {}
        self.engines: dict[str, Engine] = {}
        self.changed = Signal()
        """An engine may take work that it did not take before."""
        self.crashed = Signal()
        """An engine's process ended and nobody had asked for that."""
        self.make_room: Callable[[Engine, Job], Awaitable[None]] = _enough_room
        """Asked before a job goes to an engine: others may have its memory."""

    def prepare(self, listener: EngineListener) -> None:
        """Know every engine, without asking any: first the jobs inside them must be known, too."""
        remembered = self._remembered()
        for setting in self._settings:
            record = remembered.get(setting.name)
            if record is None:
                record = {"client_id": new_id()}
            self._records[setting.name] = record
            engine = Engine(
                setting=setting,
                client=ComfyClient(setting.url),
                client_id=record["client_id"],
            )
            boot, marker = record.get("boot"), record.get("marker")
            self.engines[setting.name] = engine
            process = EngineProcess(
                engine=engine,
                supervisor=self._supervisor if setting.managed else None,
                listener=listener,
                clock=self._clock,
                crashed=self._note_crash,
                pace=self._pace,
            )
            link = EngineLink(
                engine=engine,
                process=process,
                listener=listener,
                clock=self._clock,
                changed=self.changed.emit,
                reached=self._remember,
                hang_s=self._hang_s,
                pace=self._pace,
                known=(boot, marker) if boot and marker else None,
            )
            self._processes[setting.name] = process
            self._links[setting.name] = link

    def start(self) -> None:
        """Begin to connect to every engine; returns at once."""
        for name, link in self._links.items():
            self._tasks.append(watched(link.keep(), f"engine {name}"))

    async def let_go(self) -> None:
        """Hear nothing more of any engine; they go on working.

        Before the jobs are let go: a prompt that no job stands behind would be cancelled.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Remember every engine for the next Studio and close what leads to it."""
        self._remember()
        for engine in self.engines.values():
            await engine.client.close()

    def accepting(self, window: int) -> list[Engine]:
        """Engines with room, the emptiest first."""
        free = [engine for engine in self.engines.values() if engine.has_room(window)]
        return sorted(free, key=lambda engine: engine.occupied) if len(free) > 1 else free

    def infos(self) -> list[dict[str, Any]]:
        """What every engine that was ever reached can run."""
        return [engine.info for engine in self.engines.values() if engine.info is not None]

    async def missing_models(self, graph: Graph) -> list[ModelInput]:
        """Inputs of a graph that name a model which no engine has.

        Models come and go, so what is missing is looked for once more in fresh lists.

        Raises:
            Unavailable: no engine was ever reached.
        """
        found = missing_models(graph, self.infos())
        if (found or not self.infos()) and await self.refresh():
            found = missing_models(graph, self.infos())
        if not self.infos():
            raise Unavailable("No engine has answered yet.", retry_after_s=2)
        return found

    def any_can_run(self, job: Job) -> bool:
        """Whether some engine can run the job, or might once it has been reached."""
        return any(
            engine.can_run(job) or (engine.info is None and self._is_awaited(engine))
            for engine in self.engines.values()
        )

    def _is_awaited(self, engine: Engine) -> bool:
        """Whether an engine that was never reached may still come: no job waits for it longer."""
        limit_s = self._hang_s
        if engine.state is EngineState.STARTING and engine.managed:
            limit_s *= START_FACTOR
        return (
            engine.state in (EngineState.STARTING, EngineState.DOWN)
            and self._clock.monotonic_s() - self._started_s < limit_s
        )

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

    async def model_lists(self) -> Mapping[str, list[str]]:
        """Folders of models and what is listed in them, of an engine that answers; else empty."""
        for engine in list(self.engines.values()):
            if engine.ready:
                with contextlib.suppress(EngineError):
                    return await read_model_lists(engine.setting.url)
        return {}

    async def restart(self, name: str) -> None:
        """Restart a managed engine on purpose; this never counts as a crash."""
        await self._processes[name].restart()

    async def stop_engine(self, name: str, reason: str) -> None:
        """Stop a managed engine and keep it so until it is started or restarted."""
        await self._processes[name].hold(reason)

    def start_engine(self, name: str) -> None:
        """Start a managed engine that was stopped."""
        self._processes[name].release()

    def is_held(self, name: str) -> bool:
        """Whether a managed engine was stopped on purpose and is kept so."""
        return bool(self._processes[name].held)

    @contextlib.asynccontextmanager
    async def all_stopped(self, names: Sequence[str], reason: str) -> AsyncIterator[None]:
        """Give these engines nothing new, wait until all inside has ended, keep them stopped.

        They start again when the block ends, but for those that somebody had stopped before.
        """
        engines = [self.engines[name] for name in names]
        stopped = {name: self._processes[name].held for name in names}
        try:
            for engine in engines:
                engine.held = reason
            for engine in engines:
                await self._emptied(engine)
            for name in names:
                await self._processes[name].hold(stopped[name] or reason)
            yield
        finally:
            for engine in engines:
                engine.held = ""
                if not stopped[engine.name]:
                    self._processes[engine.name].release()
            self.changed.emit()

    async def _emptied(self, engine: Engine) -> None:
        """Wait until nothing is inside; one that does not answer may be busy with just that."""
        while engine.occupied + engine.foreign:
            if engine.state in (EngineState.STOPPED, EngineState.INCOMPATIBLE):
                return
            if engine.state is EngineState.DOWN and await self._processes[engine.name].is_gone():
                return
            await asyncio.sleep(self._pace.tick_s / 4)

    async def flags(self, name: str) -> tuple[str, ...] | None:
        """What followed the engine's command line at its last start; ``None`` when nobody knows."""
        if self._supervisor is None or not self.engines[name].managed:
            return None
        with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
            child = (await self._supervisor.status()).get(name)
            return None if child is None else child.flags
        return None

    def _note_crash(self, child: ChildStatus) -> None:
        log.warning("engine %s died: %s", child.name, child.exit)
        end = child.exit
        self._tell(
            None,
            "engine.crashed",
            child.name,
            exit_code=None if end is None else end.code,
            signal=None if end is None else end.signal,
        )
        self.crashed.emit()

    # -- what is remembered over restarts --------------------------------------------------------

    def is_warm(self, engine: Engine) -> bool:
        """Whether this life of the engine had its warm-up, under this Studio or an earlier one."""
        record = self._records[engine.name]
        if record.get("warmed") != engine.boot:
            return False
        if engine.marker is not None and record.get("marker") is None:
            # From now on the next Studio can tell that this is still the same life.
            self._remember()
        return True

    def note_warm(self, engine: Engine) -> None:
        """Remember, over restarts too, that this life of the engine gets no further warm-up."""
        self._records[engine.name]["warmed"] = engine.boot
        self._remember()

    def _remembered(self) -> dict[str, dict[str, str]]:
        """What was written of every engine that was reached before."""
        try:
            content = json.loads(self._record.read_bytes())
            return {
                name: {"client_id": str(entry["client_id"])}
                | {
                    key: entry[key]
                    for key in ("boot", "marker", "warmed")
                    if isinstance(entry.get(key), str)
                }
                for name, entry in content.items()
            }
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return {}

    def _remember(self) -> None:
        for name, record in self._records.items():
            engine = self.engines[name]
            record["url"] = engine.setting.url
            if not engine.boot:
                continue
            if record.get("boot") != engine.boot:
                record.pop("marker", None)
                record["boot"] = engine.boot
            if engine.marker is not None:
                record["marker"] = engine.marker
        try:
            atomic_write(self._record, json.dumps(self._records).encode())
        except OSError as error:
            log.warning("engines.json cannot be written: %s", error)


async def _enough_room(_engine: Engine, _job: Job) -> None:
    """Nobody else has memory of it."""
