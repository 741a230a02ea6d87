"""Everything as one stream, for another machine, and the way back in.

What comes in is unpacked and checked beside the state while Studio works. Only ``apply`` asks for
the swap, which happens while everything is closed; what was there is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from studio.clock import Clock
from studio.errors import Conflict, InvalidRequest, NotFound
from studio.models import Identity, Record
from studio.services.backups import BackupService
from studio.store import archive, restoring
from studio.store.archive import Contents
from studio.store.restoring import Restored

P = ParamSpec("P")
T = TypeVar("T")

CHUNK_BYTES: Final = 1 << 20
_COPY: Final = ".export.db"


class MovingService:
    """Writes and takes archives of the whole of Studio.

    Args:
        studio_dir: the folder of all state.
        reopen: asked for once what was staged is to take the place of what is there.
    """

    def __init__(
        self,
        *,
        backups: BackupService,
        studio_dir: Path,
        clock: Clock,
        reopen: asyncio.Event,
        record: Record,
    ) -> None:
        self._backups = backups
        self._studio_dir = studio_dir
        self._clock = clock
        self._reopen = reopen
        self._record = record
        self._exporting = asyncio.Lock()
        self._staging = asyncio.Lock()
        self._staged: Restored | None = None

    @property
    def staged(self) -> Restored | None:
        """What was taken in and waits for ``apply``."""
        return self._staged

    async def export(self, identity: Identity, contents: Contents) -> AsyncIterator[bytes]:
        """An archive, piece by piece, in constant memory.

        Raises:
            Conflict: another export is under way.
            DiskFull, StorageUnavailable: there is no copy of the database to export.
        """
        if self._exporting.locked():
            raise Conflict("Another export is under way; wait until it has ended.")
        snapshot = await self._backups.snapshot("backup")
        self._record(identity.user_id, "studio.exported", "", assets=contents.assets)
        return self._pieces(snapshot, contents)

    async def _pieces(self, snapshot: Path, contents: Contents) -> AsyncIterator[bytes]:
        """What a thread writes into a pipe, which holds little, so that it waits for the reader."""
        await self._exporting.acquire()
        loop = asyncio.get_running_loop()
        try:
            reading, writing = _pipe()
        except OSError:
            self._exporting.release()
            raise
        work = loop.run_in_executor(None, self._write, snapshot, contents, writing)
        work.add_done_callback(self._exported)
        piece: asyncio.Future[bytes] | None = None
        try:
            while True:
                piece = loop.run_in_executor(None, os.read, reading, CHUNK_BYTES)
                if not (data := await asyncio.shield(piece)):
                    break
                yield data
            # What went wrong there must break the stream, not end it.
            await asyncio.shield(work)
        finally:
            # Nothing may wait here: for a reader that has gone every await is cancelled, and the
            # thread that writes would wait for ever. One that still reads would read whatever gets
            # the number next.
            if piece is not None:
                piece.add_done_callback(lambda _: os.close(reading))

    def _exported(self, work: asyncio.Future[None]) -> None:
        self._exporting.release()
        if not work.cancelled():
            # The stream has told it, unless its reader had gone.
            work.exception()

    def _write(self, snapshot: Path, contents: Contents, writing: int) -> None:
        copy = self._studio_dir / "db" / _COPY
        # Whoever read has gone: nothing is left to do.
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            try:
                # The snapshot itself may be rotated away before all is written.
                shutil.copyfile(snapshot, copy)
                copy.chmod(0o600)
                if not contents.secrets:
                    archive.without_secrets(copy)
                archive.write_to(
                    file,
                    studio_dir=self._studio_dir,
                    database=copy,
                    clock=self._clock,
                    contents=contents,
                )
            finally:
                copy.unlink(missing_ok=True)

    async def stage(self, identity: Identity, body: AsyncIterator[bytes]) -> Restored:
        """Take an archive in and check all of it; nothing that is there changes.

        Raises:
            Conflict: another one is coming in.
            InvalidRequest: it is not a complete, undamaged archive.
            DiskFull, StorageUnavailable: it could not be taken in, or is of a later release.
        """
        if self._staging.locked():
            raise Conflict("Another archive is coming in.")
        async with self._staging:
            self._staged = None
            self._staged = await self._take(body)
        self._record(identity.user_id, "studio.import_staged", self._staged.created_at)
        return self._staged

    async def _take(self, body: AsyncIterator[bytes]) -> Restored:
        reading, writing = _pipe()

        def read() -> Restored:
            with os.fdopen(reading, "rb") as file:
                return restoring.stage(file, self._studio_dir, self._clock)

        def pass_on(data: bytes) -> None:
            view = memoryview(data)
            # It may have been refused already; the reason follows.
            with contextlib.suppress(BrokenPipeError):
                while view:
                    view = view[os.write(writing, view) :]

        work = _in_thread(read)
        passing: asyncio.Task[None] | None = None
        try:
            async for piece in body:
                passing = _in_thread(pass_on, piece)
                await asyncio.shield(passing)
                if work.done():
                    break
        finally:
            if passing is not None:
                await asyncio.wait([passing])
            os.close(writing)
            await asyncio.wait([work])
        return work.result()

    async def discard(self) -> None:
        """Forget what was staged."""
        async with self._staging:
            self._staged = None
            await asyncio.to_thread(restoring.discard_staged, self._studio_dir)

    async def apply(self, identity: Identity) -> Restored:
        """Close everything, put what was staged in place and open again.

        Raises:
            NotFound: nothing was staged.
            InvalidRequest: somebody discarded it just now.
            DiskFull, StorageUnavailable: nothing changes.
        """
        async with self._staging:
            if self._staged is None:
                raise NotFound("No archive was taken in; send one first.")
            if self._reopen.is_set():
                raise InvalidRequest("It is being put in place already.")
            # Asked for before the swap, or its entry would be in neither of the two.
            self._record(identity.user_id, "studio.import_applied", self._staged.created_at)
            await asyncio.to_thread(restoring.arm, self._studio_dir, self._staged)
            self._reopen.set()
            return self._staged


def _pipe() -> tuple[int, int]:
    """One that holds as much as is passed on at once, where the system lets it."""
    reading, writing = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)
    return reading, writing


def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Task[T]:
    return asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
