"""Immutable bytes on disk, each in a file named by its blake3 hash.

Uploads are first staged in ``tmp/``, hashed while they arrive and fsynced; a rename inside a
database transaction then publishes them. Outputs of jobs get their final name on a worker thread,
before their transaction, which spares every job an fsync of the folder; until the row is there the
name is pinned. Names vanish on the database's thread alone, and never while pinned: whatever has a
row has its file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
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
from studio.paths import fsync_folder, private_folder, require_inside, reserve_space
from studio.store.db import is_disk_full

HEAD_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1024 * 1024
_RESERVED_FROM_BYTES: Final = _CHUNK_BYTES
"""Smaller files are written as quickly as their space is reserved."""
_HASH: Final = re.compile(r"blake3:([0-9a-f]{64})")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_FULL: Final = "The disk is full: nothing was stored. Free some space and try again."


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes on disk that no row knows yet; ``head`` is their first 4 KiB.

    ``placed`` ones have their final name already and a pin that ``publish`` or ``discard`` pulls.
    """

    path: Path
    hash: str
    size_bytes: int
    head: bytes
    placed: bool = False


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


class BlobStore:
    """The folder of blobs: ``aa/<64 hex>`` and ``tmp/``.

    Args:
        root: the folder, created when it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = private_folder(root)
        self._staging = private_folder(self._root / "tmp")
        self._session = secrets.token_hex(8)
        self._pins: Counter[str] = Counter()
        self._pins_lock = threading.Lock()
        self._create_folders()

    def writer(self, size_hint: int | None = None) -> BlobWriter:
        """A writer for one new blob of about ``size_hint`` bytes."""
        return BlobWriter(self._staging, f"{self._session}.{secrets.token_hex(8)}", size_hint)

    def stage_file(self, source: Path, root: Path | None = None) -> StagedBlob:
        """Copy a file of an engine in one pass that hashes it; the source is left alone.

        Args:
            root: the folder, without links in its path, that the file must really lie in.

        Raises:
            FileNotFoundError: there is no such file.
            InvalidRequest: it is a link, a folder or a device.
            DiskFull, StorageUnavailable: the copy could not be stored.
        """
        staged = self.stage_files([(source, root)])[0]
        if isinstance(staged, Exception):
            raise staged
        return staged

    def stage_files(
        self, sources: Sequence[tuple[Path, Path | None]]
    ) -> list[StagedBlob | Exception]:
        """``stage_file`` for several at once, which costs little more than one.

        All are written before the first is made durable: that fsync's journal commit then carries
        most of what the others need.

        Returns:
            For each what ``stage_file`` would return or raise.
        """
        placed: list[BlobWriter | Exception] = []
        for source, root in sources:
            try:
                placed.append(self._copy(source, root))
            except (StudioError, OSError) as error:
                placed.append(error)
        folders = {writer.folder for writer in placed if isinstance(writer, BlobWriter)}
        staged = [self._sync(one) if isinstance(one, BlobWriter) else one for one in placed]
        try:
            for folder in folders:
                fsync_folder(folder)
        except OSError as error:
            for blob in staged:
                if isinstance(blob, StagedBlob):
                    self._unpin(blob.hash)
            return [translate(error)] * len(staged)
        return staged

    def _copy(self, source: Path, root: Path | None) -> BlobWriter:
        """A writer whose bytes have their final name and are not durable yet."""
        handle = open_regular(source)
        writer: BlobWriter | None = None
        try:
            if root is not None:
                require_inside(handle, source, root)
            writer = self.writer(os.fstat(handle).st_size)
            while data := _read(handle):
                writer.write(data)
            with self._pins_lock:
                self._pins[writer.hash] += 1
            try:
                writer.place(self.path(writer.hash))
            except BaseException:
                self._unpin(writer.hash)
                raise
        except BaseException:
            if writer is not None:
                writer.abort()
            raise
        finally:
            os.close(handle)
        return writer

    def _sync(self, writer: BlobWriter) -> StagedBlob | Exception:
        try:
            return writer.sync()
        except StudioError as error:
            self._unpin(writer.hash)
            return error

    def publish(self, staged: StagedBlob) -> None:
        """Give staged bytes their final name; on the database's thread, inside a transaction.

        Raises:
            DiskFull, StorageUnavailable: the file system refused.
        """
        if staged.placed:
            self._unpin(staged.hash)
            return
        final = self.path(staged.hash)
        try:
            if _size_of(final) == staged.size_bytes:
                self.discard(staged)
                return
            staged.path.rename(final)
            fsync_folder(final.parent)
        except OSError as error:
            raise translate(error) from error

    def discard(self, staged: StagedBlob) -> None:
        """Let go of staged bytes that are not wanted; placed ones wait for garbage collection."""
        if staged.placed:
            self._unpin(staged.hash)
            return
        with contextlib.suppress(OSError):
            staged.path.unlink()

    def _unpin(self, blob_hash: str) -> None:
        with self._pins_lock:
            self._pins[blob_hash] -= 1
            if self._pins[blob_hash] <= 0:
                del self._pins[blob_hash]

    def path(self, blob_hash: str) -> Path:
        """Where the bytes of ``blake3:<hex>`` are.

        Raises:
            BlobNotFound: it is not such a hash.
        """
        match = _HASH.fullmatch(blob_hash)
        if match is None:
            raise BlobNotFound("There are no bytes with that hash.")
        digest = match[1]
        return self._root / digest[:2] / digest

    def exists(self, blob_hash: str) -> bool:
        """Whether the bytes of ``blob_hash`` are on disk."""
        return is_hash(blob_hash) and _size_of(self.path(blob_hash)) is not None

    def remove(self, blob_hash: str) -> None:
        """Remove published bytes that are not pinned; on the database's thread. Idempotent."""
        with self._pins_lock, contextlib.suppress(OSError):
            if blob_hash not in self._pins:
                self.path(blob_hash).unlink()

    def hashes(self) -> Iterator[str]:
        """The hash of every published blob, from the names on disk."""
        for path in self._root.glob("??/*"):
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

    def _create_folders(self) -> None:
        """All 256 of them, once: no job waits for a folder to become durable."""
        present = {path.name for path in self._root.iterdir()}
        missing = [name for name in (f"{n:02x}" for n in range(256)) if name not in present]
        for name in missing:
            (self._root / name).mkdir(mode=0o700, exist_ok=True)
        if missing:
            fsync_folder(self._root)


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
