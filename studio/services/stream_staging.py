"""Bytes that arrive piece by piece, on their way to becoming a blob."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from studio.errors import PayloadTooLarge
from studio.store.blobs import BlobStore, BlobWriter, StagedBlob

_FLUSH_BYTES: Final = 1024 * 1024


async def stage_stream(
    blobs: BlobStore,
    chunks: AsyncIterator[bytes],
    size_hint: int | None = None,
    limit_bytes: int | None = None,
) -> StagedBlob:
    """Hash and write bytes while they arrive; about 2 MiB are in memory at a time.

    Raises:
        PayloadTooLarge: more than ``limit_bytes`` came.
        DiskFull, StorageUnavailable: they could not be stored.
    """
    writer = blobs.writer(size_hint)
    buffer = bytearray()
    total = 0
    try:
        async for chunk in chunks:
            total += len(chunk)
            if limit_bytes is not None and total > limit_bytes:
                raise PayloadTooLarge(f"The file is larger than {limit_bytes} bytes.")
            buffer += chunk
            if len(buffer) >= _FLUSH_BYTES:
                await asyncio.to_thread(writer.write, bytes(buffer))
                buffer.clear()
        return await asyncio.to_thread(finish, writer, bytes(buffer))
    except (asyncio.CancelledError, GeneratorExit):
        # Not awaited: this task has no more time, and a write that is still under way in
        # another thread must end before its file can go.
        asyncio.get_running_loop().run_in_executor(None, writer.abort)
        raise
    except BaseException:
        await asyncio.to_thread(writer.abort)
        raise


def finish(writer: BlobWriter, rest: bytes) -> StagedBlob:
    """Write the last bytes, and make all of them durable."""
    writer.write(rest)
    return writer.finish()
