"""How the machine does at this moment, and did in the last minutes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from studio.clients.gpu import Gpu
from studio.clients.gpu_watch import GpuWatch
from studio.clients.machine import (
    CoreTime,
    Memory,
    Traffic,
    read_cores,
    read_memory,
    read_traffic,
)
from studio.clock import Clock
from studio.services.queue import JobQueue

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
KEPT: Final = 120


@dataclass(frozen=True, slots=True)
class Reading:
    """What the machine tells at one moment."""

    at_s: float
    cores: Sequence[CoreTime]
    memory: Memory | None
    traffic: Traffic | None
    gpus: Sequence[Gpu]
    """None while their driver does not answer: old figures are none of this moment."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What became of it between two readings; shares are from 0 to 1."""

    at: int
    cores: tuple[float, ...]
    memory: float | None
    gpu: float | None
    gpu_memory: float | None
    received_per_s: float | None
    sent_per_s: float | None
    queue: int


class Pulse:
    """Reads the machine every few seconds, which costs a millisecond on a thread.

    Args:
        gpus: NVIDIA's library.
    """

    def __init__(self, *, queue: JobQueue, gpus: GpuWatch, clock: Clock) -> None:
        self._queue = queue
        self._gpus = gpus
        self._clock = clock
        self._last: Reading | None = None
        self.beats: deque[Beat] = deque(maxlen=KEPT)

    async def read(self) -> Reading:
        """How it is now."""
        found = await self._gpus.read()
        return await asyncio.to_thread(self._read, () if found.is_old else found.gpus)

    def _read(self, gpus: Sequence[Gpu]) -> Reading:
        at_s = self._clock.monotonic_s()
        return Reading(at_s, read_cores(), read_memory(), read_traffic(), gpus)

    async def run(self) -> None:
        """Keep the last minutes; the body of a task."""
        while True:
            await self.beat()
            await asyncio.sleep(EVERY_S)

    async def beat(self) -> None:
        """Take one more reading, and note what became of it since the one before."""
        now = await self.read()
        if self._last is not None:
            self.beats.append(between(self._last, now, self._clock.now_ms(), self._queue.depth))
        self._last = now


def between(before: Reading, now: Reading, at_ms: int, depth: int) -> Beat:
    """What two readings say together."""
    passed_s = max(now.at_s - before.at_s, 0.001)
    cores = tuple(
        _share(new.busy_s - old.busy_s, new.busy_s + new.idle_s - old.busy_s - old.idle_s) or 0.0
        for old, new in zip(before.cores, now.cores, strict=False)
    )
    loads = [gpu.load_percent for gpu in now.gpus if gpu.load_percent is not None]
    used = sum(gpu.memory_used_bytes or 0 for gpu in now.gpus)
    total = sum(gpu.memory_total_bytes or 0 for gpu in now.gpus)
    received = sent = None
    if before.traffic is not None and now.traffic is not None:
        received = max(0, now.traffic.received - before.traffic.received) / passed_s
        sent = max(0, now.traffic.sent - before.traffic.sent) / passed_s
    return Beat(
        at=at_ms,
        cores=cores,
        memory=None if now.memory is None else _share(now.memory.used, now.memory.total),
        gpu=max(loads) / 100 if loads else None,
        gpu_memory=_share(used, total),
        received_per_s=received,
        sent_per_s=sent,
        queue=depth,
    )


def _share(part: float, whole: float) -> float | None:
    return None if whole <= 0 else round(min(1.0, max(0.0, part / whole)), 3)
