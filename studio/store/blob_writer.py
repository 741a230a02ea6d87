"""One blob in the making: bytes on their way to disk, hashed as they pass."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from blake3 import blake3

from studio.errors import DiskFull, InvalidRequest, StorageUnavailable, StudioError
from studio.paths import require_inside, reserve_space
from studio.store.connection import is_disk_full

HEAD_BYTES: Final = 4096
CHUNK_BYTES: Final = 1024 * 1024
SMALL_BYTES: Final = 64 * 1024
_RESERVED_FROM_BYTES: Final = CHUNK_BYTES
"""Smaller files are written as quickly as their space is reserved."""
_FULL: Final = "The disk is full: nothing was stored. Free some space and try again."


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes on disk that no row knows yet; ``head`` is their first 4 KiB.

    ``placed`` ones have their final name already and a pin that ``release`` or ``discard`` pulls.
    ``data`` is all of them for small ones that are not durable yet: it travels with their row.
    """

    path: Path
    hash: str
    size_bytes: int
    head: bytes
    placed: bool = False
    data: bytes | None = None


class _Hasher(Protocol):
    """The part of ``blake3.blake3`` that is used."""

    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def translate(error: OSError) -> StudioError:
    """The refusal that an operating system error of the volume means for a caller."""
    if is_disk_full(error):
        return DiskFull(_FULL)
    return StorageUnavailable("The storage cannot be written at the moment.")


class BlobWriter:
    """One blob in the making, for use from worker threads; it does nothing before the first write.

    Args:
        folder: where the file is staged.
        name: its name there.
        size_hint: the length in bytes when it is known; that much is reserved first.
    """

    def __init__(self, folder: Path, name: str, size_hint: int | None) -> None:
        self._path = folder / name
        self._size_hint = size_hint
        self._hash: _Hasher = blake3()
        self._size_bytes = 0
        self._head = b""
        self._handle: int | None = None
        self._closed = False
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append ``data``.

        Raises:
            DiskFull, StorageUnavailable: the bytes could not be stored; the writer is of no use
                any more.
        """
        with self._lock:
            try:
                self._write(self._opened(), data)
            except OSError as error:
                raise translate(error) from error

    def finish(self) -> StagedBlob:
        """Make the bytes durable.

        Raises:
            DiskFull, StorageUnavailable: they could not be stored.
        """
        with self._lock:
            try:
                handle = self._opened()
                self._trim(handle)
                os.fsync(handle)
            except OSError as error:
                raise translate(error) from error
            self._close()
        return StagedBlob(self._path, self.hash, self._size_bytes, self._head)

    @property
    def folder(self) -> Path:
        """The folder that the bytes are in now."""
        return self._path.parent

    @property
    def hash(self) -> str:
        """``blake3:<hex>`` of what was written so far."""
        return f"blake3:{self._hash.hexdigest()}"

    def place(self, final: Path) -> None:
        """Give the bytes their final, pinned name; ``sync`` must follow.

        The rename comes before the fsync of the file, so that one journal commit carries both. A
        name that a crash leaves over torn bytes has no row and is swept at the next start.

        Raises:
            DiskFull, StorageUnavailable: it could not be done.
        """
        with self._lock:
            try:
                handle = self._opened()
                self._trim(handle)
                if final.exists():
                    os.fsync(handle)
                self._path.rename(final)
            except OSError as error:
                raise translate(error) from error
            self._path = final

    def sync(self) -> StagedBlob:
        """Make placed bytes durable; the folder is the caller's.

        Raises:
            DiskFull, StorageUnavailable: they could not be stored.
        """
        with self._lock:
            try:
                os.fsync(self._opened())
            except OSError as error:
                raise translate(error) from error
            self._close()
        return StagedBlob(self._path, self.hash, self._size_bytes, self._head, placed=True)

    def abort(self) -> None:
        """Drop everything, even a blob that is finished but not published. Idempotent."""
        with self._lock:
            self._closed = True
            self._close()
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _opened(self) -> int:
        if self._closed:
            raise StorageUnavailable("The upload was given up.")
        if self._handle is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(self._path, flags, 0o600)
            if self._size_hint is not None and self._size_hint >= _RESERVED_FROM_BYTES:
                reserve_space(self._handle, self._size_hint)
        return self._handle

    def _write(self, handle: int, data: bytes) -> None:
        self._hash.update(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        self._size_bytes += len(data)

    def _trim(self, handle: int) -> None:
        """Give back what was reserved and not used."""
        if self._size_hint is not None and self._size_hint > self._size_bytes:
            os.ftruncate(handle, self._size_bytes)

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def read_small(path: str, root: Path, size_bytes: int) -> bytes | None:
    """All of a small regular file that really lies in ``root``; ``None`` when it has grown.

    Raises:
        FileNotFoundError, InvalidRequest, StorageUnavailable: as ``open_regular``, or it lies
            outside.
    """
    handle = open_regular(path)
    try:
        require_inside(handle, path, root)
        data = os.read(handle, size_bytes + 1)
    except OSError as error:
        raise StorageUnavailable("The file cannot be read at the moment.") from error
    finally:
        os.close(handle)
    return data if len(data) == size_bytes else None


def open_regular(path: Path | str) -> int:
    """Open a regular file for reading; a link, a pipe or a device is refused without waiting.

    Returns:
        A file descriptor the caller closes.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidRequest: it is not a regular file.
        StorageUnavailable: it cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise InvalidRequest("That is not a regular file.") from error
        raise StorageUnavailable("The file cannot be read at the moment.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidRequest("That is not a regular file.")
    return handle


def read_chunk(handle: int) -> bytes:
    """The next bytes of an open file, none at its end.

    Raises:
        StorageUnavailable: it cannot be read.
    """
    try:
        return os.read(handle, CHUNK_BYTES)
    except OSError as error:
        raise StorageUnavailable("The file cannot be read at the moment.") from error
