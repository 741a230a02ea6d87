"""Immutable bytes on disk, each in a file named by its blake3 hash.

Bytes are first staged in ``tmp/``, hashed while they arrive and fsynced; a rename inside a database
transaction then publishes them. All names appear and vanish on the database's thread, so publishing
and garbage collection cannot cross: whatever has a row has its file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from blake3 import blake3

from studio.errors import (
    BlobNotFound,
    DiskFull,
    InvalidRequest,
    StorageUnavailable,
    StudioError,
)
from studio.paths import fsync_folder, private_folder, reserve_space
from studio.store.db import is_disk_full

HEAD_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1024 * 1024
_HASH: Final = re.compile(r"blake3:([0-9a-f]{64})")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_FULL: Final = "The disk is full: nothing was stored. Free some space and try again."


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes on disk that no row knows yet; ``head`` is their first 4 KiB."""

    path: Path
    hash: str
    size_bytes: int
    head: bytes


class _Hasher(Protocol):
    """The part of ``blake3.blake3`` that is used."""

    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def is_hash(text: str) -> bool:
    """Whether ``text`` is ``blake3:`` and 64 lower-case hexadecimal digits."""
    return _HASH.fullmatch(text) is not None


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
                os.ftruncate(handle, self._size_bytes)
                os.fsync(handle)
            except OSError as error:
                raise translate(error) from error
            self._close()
            digest = self._hash.hexdigest()
        return StagedBlob(self._path, f"blake3:{digest}", self._size_bytes, self._head)

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
            reserve_space(self._handle, self._size_hint or 0)
        return self._handle

    def _write(self, handle: int, data: bytes) -> None:
        self._hash.update(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        self._size_bytes += len(data)

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


class BlobStore:
    """The folder of blobs: ``aa/bb/<64 hex>`` and ``tmp/``.

    Args:
        root: the folder, created when it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = private_folder(root)
        self._staging = private_folder(self._root / "tmp")
        self._session = secrets.token_hex(8)

    def writer(self, size_hint: int | None = None) -> BlobWriter:
        """A writer for one new blob of about ``size_hint`` bytes."""
        return BlobWriter(self._staging, f"{self._session}.{secrets.token_hex(8)}", size_hint)

    def stage_file(self, source: Path) -> StagedBlob:
        """Copy a file of an engine in one pass that hashes it; the source is left alone.

        Raises:
            FileNotFoundError: there is no such file.
            InvalidRequest: it is a link, a folder or a device.
            DiskFull, StorageUnavailable: the copy could not be stored.
        """
        handle = open_regular(source)
        writer = self.writer(os.fstat(handle).st_size)
        try:
            while data := _read(handle):
                writer.write(data)
            return writer.finish()
        except BaseException:
            writer.abort()
            raise
        finally:
            os.close(handle)

    def publish(self, staged: StagedBlob) -> None:
        """Give staged bytes their final name; on the database's thread, inside a transaction.

        Raises:
            DiskFull, StorageUnavailable: the file system refused.
        """
        final = self.path(staged.hash)
        try:
            if _size_of(final) == staged.size_bytes:
                self.discard(staged)
                return
            self._create_folders(final.parent)
            staged.path.rename(final)
            fsync_folder(final.parent)
        except OSError as error:
            raise translate(error) from error

    def discard(self, staged: StagedBlob) -> None:
        """Remove staged bytes that are not wanted. Idempotent."""
        with contextlib.suppress(OSError):
            staged.path.unlink()

    def path(self, blob_hash: str) -> Path:
        """Where the bytes of ``blake3:<hex>`` are.

        Raises:
            BlobNotFound: it is not such a hash.
        """
        match = _HASH.fullmatch(blob_hash)
        if match is None:
            raise BlobNotFound("There are no bytes with that hash.")
        digest = match[1]
        return self._root / digest[:2] / digest[2:4] / digest

    def exists(self, blob_hash: str) -> bool:
        """Whether the bytes of ``blob_hash`` are on disk."""
        return is_hash(blob_hash) and _size_of(self.path(blob_hash)) is not None

    def remove(self, blob_hash: str) -> None:
        """Remove published bytes; on the database's thread. Idempotent."""
        with contextlib.suppress(OSError):
            self.path(blob_hash).unlink()

    def hashes(self) -> Iterator[str]:
        """The hash of every published blob, from the names on disk."""
        for path in self._root.glob("??/??/*"):
            if _HEX.fullmatch(path.name):
                yield f"blake3:{path.name}"

    def clear_staging(self) -> int:
        """Remove what earlier processes left half done, and say how many files that were."""
        stale = [path for path in self._staging.iterdir() if not self._is_ours(path)]
        for path in stale:
            with contextlib.suppress(OSError):
                path.unlink()
        return len(stale)

    def missing(self, hashes: Collection[str]) -> tuple[str, ...]:
        """Those of ``hashes`` whose bytes are not on disk."""
        return tuple(sorted(known for known in hashes if not self.exists(known)))

    def _is_ours(self, path: Path) -> bool:
        return path.name.startswith(f"{self._session}.")

    def _create_folders(self, leaf: Path) -> None:
        for folder in (leaf.parent, leaf):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                fsync_folder(folder.parent)


def open_regular(path: Path) -> int:
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


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, _CHUNK_BYTES)
    except OSError as error:
        raise StorageUnavailable("The file cannot be read at the moment.") from error


def _size_of(path: Path) -> int | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
