"""NVIDIA's library asked beside everything else: a driver that is stuck holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from studio.clients.gpu import Gpu, GpuReader

PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What the library told; ``driver`` is its version, ``None`` without one.

    ``is_old`` is said of the last answer while the library gives none.
    """

    driver: str | None = None
    gpus: Sequence[Gpu] = ()
    is_old: bool = False
    held: Mapping[int, int] = field(default_factory=dict)
    """How much of all GPUs each process has, by its id; those that the library tells of."""


class GpuWatch:
    """Asks one question at a time and waits for an answer no longer than ``patience_s``.

    A call into a driver that is stuck never returns. It must not be one of the threads that
    everything else shares, and none of those that the end of the process waits for.
    """

    def __init__(self, reader: GpuReader, *, patience_s: float = PATIENCE_S) -> None:
        self._reader = reader
        self._patience_s = patience_s
        self._answer: asyncio.Future[GpuReading | None] | None = None
        self._until_s = 0.0
        self._latest = GpuReading()

    async def read(self) -> GpuReading:
        """How the GPUs are now, or were when the library last answered."""
        loop = asyncio.get_running_loop()
        if self._answer is None or self._answer.done():
            self._answer = self._ask(loop)
            self._until_s = loop.time() + self._patience_s
        await asyncio.wait([self._answer], timeout=max(0.0, self._until_s - loop.time()))
        found = self._answer.result() if self._answer.done() else None
        if found is None:
            return replace(self._latest, is_old=True)
        self._latest = found
        return found

    def _ask(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[GpuReading | None]:
        answer: asyncio.Future[GpuReading | None] = loop.create_future()

        def look() -> None:
            found = None
            try:
                found = _look(self._reader)
            finally:
                # Studio may have ended meanwhile.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(answer.set_result, found)

        threading.Thread(target=look, name="gpus", daemon=True).start()
        return answer


def _look(reader: GpuReader) -> GpuReading:
    return GpuReading(reader.driver(), reader.read(), held=reader.held())
