"""The bytes of uploads in parts, each upload one file of its full length from the start.

They lie in a folder of their own, not in the blobs' ``tmp/``: they survive a restart.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

from blake3 import blake3

from studio.errors import Conflict, DiskFull, NotFound, StorageUnavailable, Unprocessable
from studio.paths import fsync_folder, private_folder, reserve_space
from studio.store.blob_writer import CHUNK_BYTES, HEAD_BYTES, open_regular, translate
from studio.store.uploads import Upload

_CHUNKS_A_STEP: Final = 16
RESERVE_BYTES: Final = 1 << 30
"""Room that no upload may take: jobs and the database need some to go on."""


class UploadFiles:
    """The folder of files that are not whole yet, named by the ids of their uploads."""

    def __init__(self, root: Path) -> None:
        self._root = private_folder(root)

    def path(self, upload: Upload) -> Path:
        """Where the bytes of an upload are."""
        return self._root / upload.id

    def create(self, upload: Upload) -> None:
        """Reserve the space of an upload.

        Raises:
            DiskFull: there is no room; ``details`` has the numbers.
            StorageUnavailable: the volume refused.
        """
        try:
            volume = os.statvfs(self._root)
        except OSError as error:
            raise translate(error) from error
        free_bytes = volume.f_bavail * volume.f_frsize
        if free_bytes - RESERVE_BYTES < upload.size_bytes:
            raise _no_room(upload.size_bytes, free_bytes)
        try:
            self._allocate(upload)
        except DiskFull as error:
            raise _no_room(upload.size_bytes, None) from error

    def _allocate(self, upload: Upload) -> None:
        path = self.path(upload)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                reserve_space(handle, upload.size_bytes)
                # Where space cannot be reserved the file has its length all the same.
                os.ftruncate(handle, upload.size_bytes)
            finally:
                os.close(handle)
            fsync_folder(self._root)
        except (OSError, DiskFull) as error:
            self.remove(upload.id)
            if isinstance(error, OSError):
                raise translate(error) from error
            raise

    def remove(self, upload_id: str) -> None:
        """Give the space back. Idempotent."""
        with contextlib.suppress(OSError):
            (self._root / upload_id).unlink()

    def ids(self) -> set[str]:
        """Of which uploads there are bytes."""
        return {path.name for path in self._root.iterdir()}


class PartWriter:
    """One part on its way to its place in the file, for use from worker threads.

    Args:
        path: the file of the upload.
        offset: where the part begins.
        size_bytes: how long it is.
        former: who was writing the same part until now; it is closed, and a write of its that is
            still under way ends before the first one here.
    """

    def __init__(
        self, path: Path, offset: int, size_bytes: int, former: PartWriter | None = None
    ) -> None:
        self._path = path
        self._offset = offset
        self._left_bytes = size_bytes
        self._handle: int | None = None
        self._closed = False
        self._lock: threading.Lock = threading.Lock() if former is None else former._lock
        if former is not None:
            former._closed = True

    def write(self, data: bytes) -> None:
        """Write what comes next.

        Raises:
            Unprocessable: it is more than the part has.
            Conflict: the part is sent anew, or the upload is being completed.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        with self._lock:
            if len(data) > self._left_bytes:
                raise Unprocessable("The part is longer than it should be.")
            try:
                handle = self._opened()
                view = memoryview(data)
                while view:
                    count = os.pwrite(handle, view, self._offset)
                    view = view[count:]
                    self._offset += count
                    self._left_bytes -= count
            except OSError as error:
                raise translate(error) from error

    def finish(self) -> None:
        """Make the part durable.

        Raises:
            Unprocessable: some of it is missing.
            Conflict, DiskFull, StorageUnavailable: as for ``write``.
        """
        with self._lock:
            if self._left_bytes:
                raise Unprocessable("The part is shorter than it should be.")
            try:
                os.fsync(self._opened())
            except OSError as error:
                raise translate(error) from error

    def close(self) -> None:
        """Write no more, once a write that is under way has ended. Idempotent."""
        with self._lock:
            self._closed = True
            handle, self._handle = self._handle, None
            if handle is not None:
                os.close(handle)

    def _opened(self) -> int:
        if self._closed:
            raise Conflict("This part is being sent anew, or its upload completed.")
        if self._handle is None:
            try:
                handle = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                raise NotFound("The bytes of this upload are lost. Begin it anew.") from None
            if os.fstat(handle).st_nlink > 1:
                os.close(handle)
                raise Conflict("The bytes of this upload are stored already. Complete it.")
            self._handle = handle
        return self._handle


class UploadReader:
    """The hash of a whole file, found step by step so that it can be given up in between."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._left_bytes = size_bytes
        self._offset = 0
        self._hash = blake3()
        self.head = b""

    @property
    def hash(self) -> str:
        """``blake3:<hex>`` of what was read so far."""
        return f"blake3:{self._hash.hexdigest()}"

    def step(self) -> bool:
        """Read on for a moment, and say whether anything is left.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        try:
            handle = open_regular(self._path)
        except FileNotFoundError:
            raise NotFound("The bytes of this upload are lost. Begin it anew.") from None
        try:
            for _ in range(_CHUNKS_A_STEP):
                data = os.pread(handle, min(CHUNK_BYTES, self._left_bytes), self._offset)
                if not data:
                    break
                self.head = self.head or data[:HEAD_BYTES]
                self._hash.update(data)
                self._offset += len(data)
                self._left_bytes -= len(data)
            else:
                return self._left_bytes > 0
        except OSError as error:
            raise StorageUnavailable("The file cannot be read at the moment.") from error
        finally:
            os.close(handle)
        if self._left_bytes:
            raise StorageUnavailable("The file is shorter than it should be.")
        return False


def _no_room(size_bytes: int, free_bytes: int | None) -> DiskFull:
    """``free_bytes`` is unknown when a quota refused: those are smaller than the volume's room."""
    return DiskFull(
        "There is not enough free space for this file.",
        details={"size_bytes": size_bytes, "free_bytes": free_bytes},
    )
