"""Room on the GPU, which engines and language models share: who gives way to whom.

A language model that does not fit takes the place of others that nobody uses, then has ComfyUI
unload its models, in a gap between two jobs. A job whose models do not fit has language models
unloaded that nobody uses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from studio.clients.comfy import EngineError
from studio.clients.gpu_watch import GpuWatch
from studio.clients.machine import Memory, read_memory
from studio.clock import Clock
from studio.language_errors import ModelDoesNotFit
from studio.models import Job
from studio.services.engines import Engine, EngineService
from studio.services.gpus import seen_by
from studio.services.language_needs import Need
from studio.store.model_files import ModelFileStore

Evict = Callable[[], Awaitable[bool]]
_LOOK_S: Final = 0.25
_GAP_S: Final = 600.0
_FREED_S: Final = 15.0
_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Some GPUs together. ``cards`` are the free bytes of each, by its UUID."""

    total_bytes: int
    used_bytes: int
    cards: Mapping[str, int] = field(default_factory=dict)

    @property
    def free_bytes(self) -> int:
        return max(0, self.total_bytes - self.used_bytes)

    def card_for(self, need: Need) -> str:
        """The one of several that has most room, if it is enough; empty for all of them."""
        best = max(self.cards, key=self.cards.__getitem__, default="")
        return best if len(self.cards) > 1 and need.gpu_bytes <= self.cards[best] else ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Memory that changed hands. ``to`` is ``language`` or the name of an engine, ``gave`` who
    unloaded something."""

    at: int
    to: str
    gave: str
    needed_bytes: int
    before_bytes: int
    after_bytes: int


class GpuRoom:
    """Makes room, and remembers what it did.

    Args:
        gap_s: how long a model waits for the end of the jobs that run.
        freed_s: how long memory may take to be free once somebody let go of it.
        beside: tells the memory beside the GPU; ``None`` where nobody knows.
    """

    def __init__(
        self,
        *,
        gpus: GpuWatch,
        engines: EngineService,
        files: ModelFileStore,
        clock: Clock,
        gap_s: float = _GAP_S,
        freed_s: float = _FREED_S,
        beside: Callable[[], Memory | None] = read_memory,
    ) -> None:
        self._gpus = gpus
        self._engines = engines
        self._files = files
        self._clock = clock
        self._gap_s = gap_s
        self._freed_s = freed_s
        self._beside = beside
        self.handed: deque[HandOver] = deque(maxlen=_KEPT)
        self.evict: Evict = _nobody

    async def memory(self, engine: Engine | None = None) -> GpuMemory | None:
        """Of all GPUs that tell, or of those that ``engine`` was given; ``None`` without any."""
        gpus = (await self._gpus.read()).gpus
        given = seen_by(engine.setting, gpus) if engine is not None else []
        told = [
            (gpu.uuid or "", gpu.memory_total_bytes, gpu.memory_used_bytes)
            for gpu in gpus
            if gpu.memory_total_bytes is not None
            and gpu.memory_used_bytes is not None
            and (not given or gpu.index in given)
        ]
        cards = {uuid: max(0, total - used) for uuid, total, used in told if uuid}
        total, used = sum(t for _, t, _ in told), sum(u for _, _, u in told)
        return GpuMemory(total, used, cards) if told else None

    async def held(self) -> Mapping[int, int]:
        """What each process has of the GPUs, as far as they tell."""
        return (await self._gpus.read()).held

    async def has_gpu(self) -> bool:
        """Whether there is one."""
        return await self.memory() is not None

    @contextlib.asynccontextmanager
    async def lent(self, need: Need, evict: Evict) -> AsyncIterator[str]:
        """Room for a language model, for as long as the block takes to fill it.

        Given is the GPU that has it alone, or nothing where it is all of them.

        Raises:
            ModelDoesNotFit: there is none to be had.
        """
        await self._require_beside(need, evict)
        memory = await self.memory()
        if memory is None:
            yield ""
            return
        if need.gpu_bytes <= memory.free_bytes:
            yield memory.card_for(need)
            return
        if need.gpu_bytes > memory.total_bytes:
            raise _too_large(need, memory, "the GPU is too small for it")
        while need.gpu_bytes > memory.free_bytes:
            if not await evict():
                break
            memory = await self._settled(need.gpu_bytes, memory, to="language", gave="language")
        if need.gpu_bytes <= memory.free_bytes:
            yield memory.card_for(need)
            return
        lending = [engine for engine in self._engines.engines.values() if _is_here(engine)]
        for engine in lending:
            engine.lends = True
        try:
            await self._gap(lending, need, memory)
            for engine in lending:
                if engine.ready:
                    await self._free(engine)
                    memory = await self._settled(
                        need.gpu_bytes, memory, to="language", gave=engine.name
                    )
            if need.gpu_bytes > memory.free_bytes:
                raise _too_large(need, memory, "what is free is not enough")
            yield memory.card_for(need)
        finally:
            for engine in lending:
                engine.lends = False
            self._engines.changed.emit()

    async def _require_beside(self, need: Need, evict: Evict) -> None:
        """Room beside the GPU; without it the system would end whatever is largest."""
        while (memory := await asyncio.to_thread(self._beside)) is not None:
            free = max(0, memory.total - memory.used)
            if need.memory_bytes <= free:
                return
            if need.memory_bytes > memory.total or not await evict():
                raise ModelDoesNotFit(
                    f"It needs about {_gib(need.memory_bytes)} of memory, and {_gib(free)} of"
                    f" {_gib(memory.total)} are free. A shorter context needs less.",
                    details={"needed_bytes": need.memory_bytes, "free_bytes": free},
                )

    async def make_for(self, engine: Engine, job: Job) -> None:
        """Before a job goes to ``engine``: unload language models if its models would not fit."""
        if not _is_here(engine) or engine.has_loaded(job):
            return
        memory = await self.memory(engine)
        if memory is None:
            return
        wanted = {file for _, _, file in job.models}
        size = sum(file.size_bytes for file in await self._files.all() if file.name in wanted)
        while size > memory.free_bytes and await self.evict():
            memory = await self._settled(
                size, memory, to=engine.name, gave="language", engine=engine
            )

    async def _gap(self, engines: Sequence[Engine], need: Need, memory: GpuMemory) -> None:
        """Until no job is inside any of them; no other gets in meanwhile."""
        ends_s = self._clock.monotonic_s() + self._gap_s
        while any(engine.occupied or engine.foreign for engine in engines):
            if self._clock.monotonic_s() >= ends_s:
                raise _too_large(need, memory, "the jobs that run do not end")
            await asyncio.sleep(_LOOK_S)

    @staticmethod
    async def _free(engine: Engine) -> None:
        with contextlib.suppress(EngineError):
            await engine.client.free()
            engine.loaded.clear()

    async def _settled(
        self,
        wanted: int,
        before: GpuMemory,
        *,
        to: str,
        gave: str,
        engine: Engine | None = None,
    ) -> GpuMemory:
        """How it is once what was let go of is free, or has not been for a while."""
        ends_s = self._clock.monotonic_s() + self._freed_s
        while True:
            now = await self.memory(engine) or before
            if now.free_bytes >= wanted or self._clock.monotonic_s() >= ends_s:
                break
            await asyncio.sleep(_LOOK_S)
        at = self._clock.now_ms()
        self.handed.append(HandOver(at, to, gave, wanted, before.free_bytes, now.free_bytes))
        return now


async def _nobody() -> bool:
    return False


def _is_here(engine: Engine) -> bool:
    return engine.managed and engine.setting.kind == "comfyui"


def _too_large(need: Need, memory: GpuMemory, why: str) -> ModelDoesNotFit:
    return ModelDoesNotFit(
        f"It needs about {_gib(need.gpu_bytes)} of the GPU's memory, and {_gib(memory.free_bytes)}"
        f" of {_gib(memory.total_bytes)} are free: {why}. Fewer layers on the GPU, or a shorter"
        " context, need less.",
        details={"needed_bytes": need.gpu_bytes, "free_bytes": memory.free_bytes},
    )


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
