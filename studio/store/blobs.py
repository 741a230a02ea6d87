"""Immutable bytes on disk, each in a file named by its blake3 hash.

Uploads are first staged in ``tmp/``, hashed while they arrive and fsynced; a rename inside a
database transaction then publishes them. Outputs of jobs get their final name on a worker thread,
before their transaction, which spares every job an fsync of the folder. A name is pinned until the
commit of its row has succeeded or nobody wants it any more. Names vanish on the database's thread
alone, and never while pinned: whatever has a row has its file.
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
from pathlib import Path
from typing import Final

from blake3 import blake3

from studio.errors import BlobNotFound, StudioError
from studio.paths import fsync_file, fsync_folder, private_folder, require_inside
from studio.store.blob_writer import (
    HEAD_BYTES,
    BlobWriter,
    StagedBlob,
    open_regular,
    read_chunk,
    translate,
)

__all__ = ["BlobStore", "BlobWriter", "StagedBlob", "is_hash", "open_regular", "translate"]

_HASH: Final = re.compile(r"blake3:([0-9a-f]{64})")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems say that have no hard links."""


def is_hash(text: str) -> bool:
    """Whether ``text`` is ``blake3:`` and 64 lower-case hexadecimal digits."""
    return _HASH.fullmatch(text) is not None


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
        self._published: set[Path] = set()
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
            except (StudioError, OSError, ValueError) as error:
                # An engine may name what cannot be a file's name: that is a ``ValueError``.
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
            while data := read_chunk(handle):
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

    def keep(self, data: bytes) -> StagedBlob:
        """Give small bytes their final, pinned name at once; they are not durable yet.

        Raises:
            DiskFull, StorageUnavailable: they could not be stored.
        """
        digest = blake3(data).hexdigest()
        blob_hash = f"blake3:{digest}"
        final = f"{self._root}/{digest[:2]}/{digest}"
        with self._pins_lock:
            self._pins[blob_hash] += 1
        try:
            # A power cut may have left a name over bytes that never came.
            if _size_of(final) != len(data) or Path(final).read_bytes() != data:
                self._put(final, data, durable=False)
        except OSError as error:
            self._unpin(blob_hash)
            raise translate(error) from error
        return StagedBlob(Path(final), blob_hash, len(data), data[:HEAD_BYTES], True, data)

    def adopt(self, source: Path, blob_hash: str, size_bytes: int, head: bytes) -> StagedBlob:
        """Stage durable bytes that lie elsewhere on this volume; ``source`` keeps its name.

        Nobody may write to them any more.

        Raises:
            DiskFull, StorageUnavailable: it could not be done.
        """
        part = self._staging / f"{self._session}.{secrets.token_hex(8)}"
        try:
            part.hardlink_to(source)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return self.stage_file(source)
            raise translate(error) from error
        return StagedBlob(part, blob_hash, size_bytes, head)

    def restore(self, blob_hash: str, data: bytes) -> None:
        """Write bytes anew, durably, over whatever is there.

        Raises:
            DiskFull, StorageUnavailable: they could not be stored.
        """
        final = self.path(blob_hash)
        try:
            self._put(str(final), data, durable=True)
            fsync_folder(final.parent)
        except OSError as error:
            raise translate(error) from error

    def holds(self, blob_hash: str, data: bytes) -> bool:
        """Whether the published file has exactly these bytes."""
        try:
            return self.path(blob_hash).read_bytes() == data
        except OSError:
            return False

    def sync(self, hashes: Collection[str]) -> list[str]:
        """Make published files durable; return those with which that failed."""
        lost = []
        folders: dict[Path, list[str]] = {}
        for blob_hash in hashes:
            path = self.path(blob_hash)
            try:
                fsync_file(path)
            except OSError:
                lost.append(blob_hash)
            else:
                folders.setdefault(path.parent, []).append(blob_hash)
        for folder, inside in folders.items():
            try:
                fsync_folder(folder)
            except OSError:
                lost += inside
        return lost

    def _put(self, final: str, data: bytes, *, durable: bool) -> None:
        part = f"{self._staging}/{self._session}.{secrets.token_hex(8)}"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                if durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(part, final)  # noqa: PTH104 - on the path of every job
        except BaseException:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise

    def publish(self, staged: StagedBlob) -> None:
        """Give staged bytes their final name; on the database's thread, inside a transaction.

        May be called again after that was rolled back. Call ``release`` once it is committed, or
        ``discard`` when it never will be.

        Raises:
            DiskFull, StorageUnavailable: the file system refused.
        """
        if staged.placed:
            return
        with self._pins_lock:
            if staged.path not in self._published:
                self._published.add(staged.path)
                self._pins[staged.hash] += 1
        final = self.path(staged.hash)
        try:
            # Over whatever is there: that may be damaged, and these bytes were just hashed.
            with contextlib.suppress(FileNotFoundError):
                staged.path.replace(final)
                staged.path.unlink(missing_ok=True)  # two names of one file stay two
            if _size_of(final) != staged.size_bytes:
                # Nor was it placed before the transaction was rolled back.
                raise FileNotFoundError(errno.ENOENT, "staged bytes are gone", str(staged.path))
            fsync_folder(final.parent)
        except OSError as error:
            raise translate(error) from error

    def discard(self, staged: StagedBlob) -> None:
        """Let go of staged bytes that are not wanted; those that have their final name wait for
        garbage collection."""
        self.release(staged)
        if not staged.placed:
            with contextlib.suppress(OSError):
                staged.path.unlink()

    def release(self, staged: StagedBlob) -> None:
        """Its row is committed: from now on that keeps the bytes."""
        if not staged.placed:
            with self._pins_lock:
                if staged.path not in self._published:
                    return
                self._published.remove(staged.path)
        self._unpin(staged.hash)

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
        names = (path.name for path in self._root.glob("??/*"))
        return (f"blake3:{name}" for name in names if _HEX.fullmatch(name))

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


def _size_of(path: Path | str) -> int | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
