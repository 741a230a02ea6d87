"""The bytes of downloads that are not whole yet, and what is surely on disk of them.

Each is one file of its full length beside the models, in a folder that no engine lists, and a small
file beside it that says which bytes are there. What that file says was synced before it was
written, so a resume never believes bytes that are not there.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any, Final

import orjson

from studio.errors import DiskFull, StorageUnavailable
from studio.paths import atomic_write, fsync_folder, reserve_space
from studio.remote import Claim
from studio.store.blob_writer import translate

CHUNK_BYTES: Final = 32 << 20
RESERVE_BYTES: Final = 1 << 30
"""Room that no download may take: jobs and the database need some to go on."""
_HASH_BYTES: Final = 1 << 20
_HASH_STEPS: Final = 32
_FORMAT: Final = 1


class PartFile:
    """One file on its way, for use from several threads.

    Args:
        path: where it lies until it is whole.
        chunk_bytes: how much is claimed at once.
        reserve_bytes: how much of the volume stays free.
    """

    def __init__(
        self, path: Path, *, chunk_bytes: int = CHUNK_BYTES, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        self.path = path
        self.version: str | None = None
        self.size: int | None = None
        self._state_path = path.with_suffix(".state")
        self._chunk = chunk_bytes
        self._reserve = reserve_bytes
        self._handle = -1
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._full = 0
        self._have: dict[int, int] = {}
        self._claimed: set[int] = set()
        self._written = 0
        self._synced = 0
        self._digest = hashlib.sha256()
        self._digested = 0
        self._generation = 0

    # -- opening ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Take up what an earlier attempt left, as far as it is certain.

        Raises:
            StorageUnavailable, DiskFull: the folder cannot be used.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._handle = os.open(self.path, flags, 0o644)
            # Engines read it under its final name, whatever the umask.
            os.fchmod(self._handle, 0o644)
            self._load(os.fstat(self._handle).st_size)
        except OSError as error:
            raise translate(error) from error

    def _load(self, length: int) -> None:
        try:
            state: dict[str, Any] = orjson.loads(self._state_path.read_bytes())
            fits = state["format"] == _FORMAT and state["chunk"] == self._chunk
            version, size, full = state["version"], int(state["size"]), int(state["full"])
            have = {int(index): int(count) for index, count in state["have"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        if not fits or size != length:
            return
        self.size = size
        if self._is_sound(full, have):
            self.version, self._full, self._have = version, full, have
            self._written = self._synced = self.received
        else:
            self.size = None

    def _is_sound(self, full: int, have: dict[int, int]) -> bool:
        assert self.size is not None
        chunks = -(-self.size // self._chunk)
        return 0 <= full <= chunks and all(
            full <= index < chunks and 0 <= count <= self._length(index)
            for index, count in have.items()
        )

    def begin(self, version: str | None, size: int | None) -> None:
        """Forget everything and make room for a file of ``size`` bytes, if that is known.

        Raises:
            DiskFull: there is no room.
            StorageUnavailable: the volume refused.
        """
        with self._syncing, self._lock:
            self.version, self.size = version, size
            self._full, self._have, self._claimed = 0, {}, set()
            self._written = self._synced = 0
            self._digest, self._digested = hashlib.sha256(), 0
            self._generation += 1
            try:
                # The list goes first: it must never speak of bytes that are gone.
                self._state_path.unlink(missing_ok=True)
                fsync_folder(self.path.parent)
                os.ftruncate(self._handle, 0)
                if size:
                    self._make_room(size)
            except OSError as error:
                raise translate(error) from error

    def _make_room(self, size: int) -> None:
        volume = os.fstatvfs(self._handle)
        if volume.f_bavail * volume.f_frsize - self._reserve < size:
            raise DiskFull(
                "There is not enough free space for this file.",
                details={"size_bytes": size, "free_bytes": volume.f_bavail * volume.f_frsize},
            )
        try:
            reserve_space(self._handle, size)
        except DiskFull:
            os.ftruncate(self._handle, 0)
            raise
        # Where space cannot be reserved the file has its length all the same.
        os.ftruncate(self._handle, size)

    # -- bytes ------------------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """How many bytes are there."""
        return self._full * self._chunk + sum(self._have.values()) - self._overlap()

    def _overlap(self) -> int:
        """The last chunk is shorter than the others; counted as whole once it is full."""
        whole = self._full * self._chunk
        return max(0, whole - self.size) if self.size is not None else 0

    @property
    def front(self) -> int:
        """Every byte before this one is there."""
        whole = self._full * self._chunk
        if self.size is not None and whole >= self.size:
            return self.size
        return whole + self._have.get(self._full, 0)

    @property
    def is_whole(self) -> bool:
        return self.size is not None and self.front >= self.size

    @property
    def chunk_bytes(self) -> int:
        """How much is claimed at once."""
        return self._chunk

    @property
    def missing_chunks(self) -> int:
        """How many chunks are not whole."""
        if self.size is None:
            return 1
        return -(-self.size // self._chunk) - self._full

    @property
    def unsynced(self) -> int:
        """How many bytes came since the last ``sync``."""
        return self._written - self._synced

    def claim(self, *, everything: bool = False) -> Claim | None:
        """The first stretch that is missing and nobody's; ``None`` when there is none.

        Args:
            everything: to the end of the file, for a single stream; chunks are ignored.
        """
        with self._lock:
            if self.size is None or everything:
                return Claim(-1, 0, self.size)
            for index in range(self._full, -(-self.size // self._chunk)):
                start, end = index * self._chunk, min((index + 1) * self._chunk, self.size)
                have = self._have.get(index, 0)
                if index not in self._claimed and start + have < end:
                    self._claimed.add(index)
                    return Claim(index, start + have, end)
            return None

    def release(self, claim: Claim) -> None:
        """What is missing of it may be claimed again."""
        with self._lock:
            self._claimed.discard(claim.index)

    def write(self, claim: Claim, data: memoryview) -> None:
        """Write what comes next of a stretch.

        Raises:
            DiskFull, StorageUnavailable: it could not be stored.
        """
        offset = claim.start
        try:
            while data:
                count = os.pwrite(self._handle, data, offset)
                data = data[count:]
                offset += count
        except OSError as error:
            raise translate(error) from error
        with self._lock:
            self._count(claim.start, offset)
            self._written += offset - claim.start
            claim.start = offset

    def _count(self, start: int, end: int) -> None:
        while start < end:
            index = start // self._chunk
            stop = min(end, (index + 1) * self._chunk)
            self._have[index] = self._have.get(index, 0) + stop - start
            start = stop
        while (have := self._have.get(self._full)) is not None and have == self._length(self._full):
            del self._have[self._full]
            self._full += 1

    def _length(self, index: int) -> int:
        if self.size is None:
            return self._chunk
        return min(self._chunk, self.size - index * self._chunk)

    def end(self) -> None:
        """The stream of unknown length has ended: what came is the file."""
        with self._lock:
            self.size = self.front

    # -- certainty --------------------------------------------------------------------------------

    def sync(self) -> None:
        """Make what came until now survive anything, and note that it did.

        Raises:
            DiskFull, StorageUnavailable: it is not certain.
        """
        with self._syncing:
            with self._lock:
                written, size = self._written, self.size
                state = {
                    "format": _FORMAT,
                    "version": self.version,
                    "size": size,
                    "chunk": self._chunk,
                    "full": self._full,
                    "have": {str(index): count for index, count in self._have.items()},
                }
            try:
                os.fdatasync(self._handle)
                if size is not None:
                    atomic_write(self._state_path, orjson.dumps(state))
            except OSError as error:
                raise translate(error) from error
            self._synced = written

    def digest_step(self) -> bool:
        """Hash a little of what is there; ``False`` when all of that is hashed.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        with self._lock:
            front, generation = self.front, self._generation
            digest, position = self._digest, self._digested
        buffer = memoryview(bytearray(_HASH_BYTES))
        for _ in range(_HASH_STEPS):
            if position >= front or generation != self._generation:
                break
            try:
                count = os.preadv(self._handle, [buffer[: front - position]], position)
            except OSError as error:
                raise translate(error) from error
            if not count:
                raise StorageUnavailable("The file is shorter than it should be.")
            digest.update(buffer[:count])
            position += count
        with self._lock:
            if generation == self._generation:
                self._digested = position
            return self._digested < self.front

    @property
    def sha256(self) -> str:
        """The hash of what ``digest_step`` has read."""
        return self._digest.hexdigest()

    @property
    def digested(self) -> int:
        """How many bytes are hashed."""
        return self._digested

    def close(self) -> None:
        """Let go of the file. Idempotent; no other thread may use it any more."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
