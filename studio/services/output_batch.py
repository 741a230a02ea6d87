"""Copies engines' output files in batches: one thread, and one journal commit, for several jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.store.blobs import StagedBlob

MAX_BATCH: Final = 64
LOOKS: Final = 5
PATIENCE_S: Final = 0.02
"""How long a file waits for others while jobs queue anyway: it costs them no throughput."""


@dataclass(frozen=True, slots=True)
class _Request:
    source: Path
    root: Path
    future: asyncio.Future[StagedBlob]


class OutputBatch:
    """Stages small files together; large ones go on their own.

    Args:
        stage: copies several files on a worker thread.
        is_busy: whether more work waits, so that throughput counts for more than one job's delay.
    """

    def __init__(
        self,
        *,
        stage: Callable[[Sequence[tuple[Path, Path | None]]], list[StagedBlob | Exception]],
        is_busy: Callable[[], bool],
    ) -> None:
        self._stage = stage
        self._is_busy = is_busy
        self._waiting: list[_Request] = []
        self._flushing: asyncio.Task[None] | None = None

    async def add(self, source: Path, root: Path) -> StagedBlob:
        """Copy one file; see ``BlobStore.stage_file``. Whatever copying raises arrives here."""
        request = _Request(source, root, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await request.future

    async def _gather(self) -> None:
        """Let others come while jobs queue; the last ones of a line wait for nobody."""
        for _ in range(LOOKS):
            if not self._is_busy():
                return
            await asyncio.sleep(PATIENCE_S / LOOKS)

    async def _flush(self) -> None:
        batch: list[_Request] = []
        try:
            while self._waiting:
                await self._gather()
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                sources = [(request.source, request.root) for request in batch]
                _answer(batch, await asyncio.to_thread(self._stage, sources))
        except BaseException as error:
            # Nobody else would ever answer those who wait.
            stranded, self._waiting = batch + self._waiting, []
            _answer(stranded, [error] * len(stranded))
            raise
        finally:
            self._flushing = None


def _answer(batch: Sequence[_Request], results: Sequence[StagedBlob | BaseException]) -> None:
    for request, result in zip(batch, results, strict=True):
        if request.future.done():
            continue
        if isinstance(result, BaseException):
            request.future.set_exception(result)
        else:
            request.future.set_result(result)
