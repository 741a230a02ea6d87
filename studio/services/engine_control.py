"""What the owner does to one engine: restart it, free its memory, end its run, set its flags."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from boot.flags import ALLOWED, Flag, FlagsRefused, check
from studio.clients.comfy import EngineError
from studio.clients.supervisor import SupervisorRefused, SupervisorUnavailable
from studio.errors import Conflict, NotFound, StudioError, Unavailable, Unprocessable
from studio.logs import redaction
from studio.models import Identity, Record
from studio.services.engines import Engine, EngineService
from studio.services.jobs import JobService
from studio.services.queue import JobQueue
from studio.store.engine_flags import EngineFlagFile
from studio.store.engine_logs import LogFolder, LogPart

MAX_TAIL: Final = 5000
STOPPED_BY_OWNER: Final = "stopped on purpose"
MAX_FLAGS_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class EngineFlags:
    """The flags of an engine: those of its next start, those of its last one, and what may be."""

    source: str
    """``environment`` (nothing can be stored then), ``stored`` or ``none``."""
    flags: Sequence[str]
    applied: Sequence[str] | None
    """``None`` when bootstrap does not say."""
    allowed: Mapping[str, Flag]
    editable: bool

    @property
    def restart_needed(self) -> bool:
        return self.applied is not None and list(self.applied) != list(self.flags)


class EngineControl:
    """Acts on engines by name.

    Args:
        environment_flags: ``COMFYUI_FLAGS``; they win.
        secrets: every secret that an engine's log must not show.
    """

    def __init__(
        self,
        *,
        engines: EngineService,
        queue: JobQueue,
        jobs: JobService,
        logs: LogFolder,
        flag_file: EngineFlagFile,
        environment_flags: str,
        secrets: Callable[[], Awaitable[Sequence[str]]],
        record: Record,
    ) -> None:
        self._engines = engines
        self._queue = queue
        self._jobs = jobs
        self._logs = logs
        self._flag_file = flag_file
        self._environment_flags = environment_flags
        self._secrets = secrets
        self._record = record

    def _engine(self, name: str) -> Engine:
        engine = self._engines.engines.get(name)
        if engine is None:
            raise NotFound("There is no such engine.")
        return engine

    def _ready(self, name: str) -> Engine:
        engine = self._engine(name)
        if not engine.ready:
            raise Conflict("The engine does not take orders now: it is not ready.")
        return engine

    async def restart(self, identity: Identity, name: str) -> None:
        """Restart it on purpose; no effect on an engine given by address.

        Raises:
            NotFound: there is no such engine.
            Unavailable: bootstrap does not answer.
        """
        self._engine(name)
        await self._obeyed(self._engines.restart(name))
        self._record(identity.user_id, "engine.restarted", name)

    async def stop(self, identity: Identity, name: str) -> None:
        """Stop it and keep it so; its jobs wait again, or go to another engine.

        Raises:
            NotFound, Unavailable: as ``restart``.
            Conflict: it runs elsewhere.
        """
        await self._obeyed(self._engines.stop_engine(self._managed(name), STOPPED_BY_OWNER))
        self._record(identity.user_id, "engine.stopped", name)

    async def start(self, identity: Identity, name: str) -> None:
        """Start it again after a stop.

        Raises:
            NotFound, Conflict: as ``stop``.
        """
        self._engines.start_engine(self._managed(name))
        self._record(identity.user_id, "engine.started", name)

    def _managed(self, name: str) -> str:
        if not self._engine(name).managed:
            raise Conflict("This engine runs elsewhere, and is stopped and started there.")
        return name

    @staticmethod
    async def _obeyed(order: Awaitable[None]) -> None:
        try:
            await order
        except (SupervisorUnavailable, SupervisorRefused):
            raise Unavailable("The engine's parent does not answer.", retry_after_s=5) from None

    async def free(self, identity: Identity, name: str) -> None:
        """Have it let go of models and cached results once nothing runs.

        Raises:
            NotFound, Conflict: there is no such engine, or it is not ready.
            Unavailable: it did not obey.
        """
        engine = self._ready(name)
        try:
            await engine.client.free()
        except EngineError:
            raise _no_answer() from None
        engine.loaded.clear()
        self._record(identity.user_id, "engine.freed", name)

    async def interrupt(self, identity: Identity, name: str) -> Sequence[str]:
        """End what runs inside it: a job of Studio's is cancelled, any other run interrupted.

        Returns:
            The ids of the jobs.

        Raises:
            NotFound, Conflict, Unavailable: as ``free``.
        """
        engine = self._ready(name)
        by_prompt = {
            live.job.prompt_id: live.job.id
            for live in self._queue.live.values()
            if live.job.engine == name and live.job.prompt_id is not None
        }
        try:
            running = (await engine.client.queue()).running
            for prompt_id in running:
                if prompt_id not in by_prompt:
                    await engine.client.cancel(prompt_id)
        except EngineError:
            raise _no_answer() from None
        jobs = [by_prompt[prompt_id] for prompt_id in running if prompt_id in by_prompt]
        await self._jobs.cancel_many(identity, jobs)
        self._record(identity.user_id, "engine.interrupted", name, runs=len(running))
        return jobs

    def logged(self) -> list[str]:
        """The engines whose logs are here."""
        return [name for name, engine in self._engines.engines.items() if engine.managed]

    # -- logs -------------------------------------------------------------------------------------

    async def logs(self, name: str, *, tail: int, after: str | None) -> LogPart:
        """Lines of its log without secrets.

        Raises:
            NotFound: there is no such engine.
        """
        engine = self._engine(name)
        if not engine.managed:
            raise NotFound("This engine runs elsewhere, and so does its log.")
        part = await asyncio.to_thread(self._logs.read, name, tail=tail, after=after)
        hidden = await self._secrets()
        clean = redaction.clean_all("\n".join(part.lines), hidden)
        lines = tuple(clean.split("\n")) if part.lines else ()
        return LogPart(lines, part.place, part.is_fresh)

    # -- flags ------------------------------------------------------------------------------------

    async def flags(self, name: str) -> EngineFlags:
        """Its flags, and which there are.

        Raises:
            NotFound: there is no such engine.
        """
        engine = self._engine(name)
        allowed = ALLOWED.get(engine.setting.kind, {})
        applied = await self._engines.flags(name)
        if allowed and self._environment_flags:
            words = shlex.split(self._environment_flags)
            return EngineFlags("environment", words, applied, allowed, editable=False)
        stored = self._flag_file.read().get(name, []) if allowed else []
        source = "stored" if stored else "none"
        return EngineFlags(source, stored, applied, allowed, editable=bool(allowed))

    async def set_flags(
        self, identity: Identity, name: str, wanted: str | Sequence[str]
    ) -> EngineFlags:
        """Choose the flags of its next start.

        Args:
            wanted: words, or a text that is split into words as a shell does.

        Raises:
            NotFound: there is no such engine.
            Conflict: it has no flags, or the environment says them.
            Unprocessable: a flag that is not possible; the message says why.
        """
        present = await self.flags(name)
        if not present.editable:
            raise Conflict(
                "COMFYUI_FLAGS of the environment wins; unset it to choose flags here."
                if present.allowed
                else "Only ComfyUI that Studio starts itself has flags."
            )
        try:
            words = check(
                shlex.split(wanted) if isinstance(wanted, str) else wanted, present.allowed
            )
        except ValueError as error:
            # FlagsRefused says which flag; shlex, that a quote is not closed.
            message = str(error) if isinstance(error, FlagsRefused) else "A quote is not closed."
            raise Unprocessable(message, details={"field": "flags"}) from None
        await asyncio.to_thread(self._flag_file.write, name, words)
        self._record(identity.user_id, "engine.flags_changed", name, flags=" ".join(words))
        return await self.flags(name)


def _no_answer() -> StudioError:
    return Unavailable("The engine does not answer.", retry_after_s=5)
