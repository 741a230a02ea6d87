"""The lease that keeps two Studios from writing to one volume.

``lease.json`` names the holder and is rewritten every 10 s. File locks are not asked: on network
volumes they may succeed for everyone. Neither do two hosts' clocks decide. Whoever finds a foreign
lease watches it: one that changes is alive, one that does not change for 60 s of the watcher's own
monotonic time is dead. When its beat also looks more than 10 min old by wall time, 25 s of silence
(two beats and a half) are enough; a wrong clock then costs nothing, since a live holder still
changes it in that time. On the holder's own host there is no wait: its process runs or it does not.

A holder that cannot beat for 50 s must take itself for lost, because at 60 s another may start.
Beats are written into the file itself: a rename could land on a lease that was taken just then.
``check`` around every commit notices a take-over, or that this process was stopped for a while,
without waiting for the next beat.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.errors import StorageUnavailable
from studio.store.connection import is_disk_full
from studio.store.holder import Holder, is_same_place, parse, runs, this_process

BEAT_S: Final = 10.0
HELD_S: Final = 60.0
HELD_OLD_S: Final = 25.0
OLD_MS: Final = 600_000
LOST_S: Final = 50.0
_LOOKS: Final = 5
_LOOK_AGAIN_S: Final = 0.01
_MAX_BYTES: Final = 4096
_RECORD_BYTES: Final = 512
_TAKEN: Final = "Another Studio has taken this volume over: nothing is written."


class LeaseLost(StorageUnavailable):
    """Another Studio took the volume, or this one could not renew in time: stop writing."""


@dataclass(frozen=True, slots=True)
class Held:
    """The volume is ours.

    ``fence`` says that the former holder may still live: ``snapshots.fence`` comes first then.
    """

    fence: bool = False


@dataclass(frozen=True, slots=True)
class HeldByOther:
    """The volume is another's.

    ``holder`` is ``None`` when its file cannot be understood. ``free_in_s`` is how long the lease
    must stay unchanged before it counts as abandoned; ``None`` for a live process of this host.
    """

    holder: Holder | None
    free_in_s: float | None

    @property
    def message(self) -> str:
        who = "another Studio" if self.holder is None else f"Studio on {self.holder.host}"
        return f"This volume is in use by {who}."


@dataclass(frozen=True, slots=True)
class _Sight:
    """One look at the file; two looks are equal when nobody touched it in between."""

    content: bytes
    mtime_ns: int


class Lease:
    """Our claim on the volume.

    Args:
        path: the lease file; its folder must exist.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._us = this_process()
        self._seen: _Sight | None = None
        self._seen_at_s = 0.0
        self._beat_at_s: float | None = None
        self._mark: tuple[int, int] | None = None
        self._lock = threading.Lock()

    @property
    def held(self) -> bool:
        return self._beat_at_s is not None

    def acquire(self, *, take_over: bool = False) -> Held | HeldByOther:
        """Take the lease when it is free; call again, about once a second, while it is not.

        Args:
            take_over: take it from whoever holds it. The old holder notices at its next beat.

        Raises:
            StorageUnavailable: the lease file cannot be read or written.
        """
        fence = False
        try:
            sight = self._look()
            if sight is not None:
                fence = not self._is_of_dead_process(sight)
                other = self._judge(sight)
                if other is not None and not take_over:
                    return other
                if not self._clear(sight, force=take_over):
                    return HeldByOther(parse(sight.content), HELD_S)
            if not self._create():
                return self.acquire(take_over=take_over) if take_over else self._raced()
        except OSError as error:
            raise _refusal(error) from error
        return Held(fence)

    def beat(self) -> None:
        """Renew. Call it every 10 s, from a thread: network volumes can be slow.

        Raises:
            LeaseLost: another holds it, or 50 s passed without success. Halt the database.
            StorageUnavailable: it could not be renewed this time; try again.
        """
        with self._lock:
            self._beat()

    def check(self) -> None:
        """Make sure that the lease is still ours, at the cost of one ``stat``.

        Raises:
            LeaseLost, StorageUnavailable: as ``beat`` does.
        """
        with self._lock:
            silent_s = self._clock.monotonic_s() - (self._beat_at_s or 0.0)
            if silent_s > LOST_S or self._mark != _mark(self._path):
                self._beat()

    def _beat(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._beat_at_s is None:
            raise LeaseLost(_TAKEN)
        try:
            self._renew()
            self._require_ours()
            self._mark = _mark(self._path)
        except LeaseLost:
            self._beat_at_s = None
            raise
        except FileNotFoundError as error:
            self._beat_at_s = None
            raise LeaseLost(_TAKEN) from error
        except OSError as error:
            if now_s - self._beat_at_s > LOST_S:
                self._beat_at_s = None
                raise LeaseLost("The lease on this volume could not be renewed.") from error
            raise _refusal(error) from error
        self._beat_at_s = now_s

    def _require_ours(self) -> None:
        """A lease that is gone may have been taken and given back by another in the meantime."""
        sight = self._look()
        holder = None if sight is None else parse(sight.content)
        if holder is None or holder.token != self._us.token:
            raise LeaseLost(_TAKEN)

    async def keep(self) -> None:
        """Beat for as long as the lease is held; the body of a task.

        Raises:
            LeaseLost: halt the database, then end the process.
        """
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                # Python 3.11's ``wait_for`` may swallow that the task was cancelled.
                async with asyncio.timeout(LOST_S):
                    await asyncio.to_thread(self.beat)
            except TimeoutError as error:
                raise LeaseLost("The lease on this volume could not be renewed.") from error
            except LeaseLost:
                raise
            except StorageUnavailable:
                continue

    def release(self) -> None:
        """Give the volume free at once. Idempotent; another's lease is left alone."""
        self._beat_at_s = None
        with contextlib.suppress(OSError):
            sight = self._look()
            holder = None if sight is None else parse(sight.content)
            if sight is not None and holder is not None and holder.token == self._us.token:
                self._clear(sight, force=False)

    def _look(self) -> _Sight | None:
        """The lease as it stands; one that is being written this moment is looked at again."""
        try:
            sight = _sight(self._path)
            for _ in range(_LOOKS):
                if parse(sight.content) is not None:
                    break
                time.sleep(_LOOK_AGAIN_S)
                sight = _sight(self._path)
        except FileNotFoundError:
            return None
        return sight

    def _is_of_dead_process(self, sight: _Sight) -> bool:
        holder = parse(sight.content)
        return holder is not None and is_same_place(holder, self._us) and not runs(holder)

    def _judge(self, sight: _Sight) -> HeldByOther | None:
        """``None`` when the lease may be taken."""
        now_s = self._clock.monotonic_s()
        if sight != self._seen:
            self._seen, self._seen_at_s = sight, now_s
        holder = parse(sight.content)
        if holder is not None and is_same_place(holder, self._us):
            return HeldByOther(holder, None) if runs(holder) else None
        is_old = holder is not None and self._clock.now_ms() - holder.beat > OLD_MS
        left_s = (HELD_OLD_S if is_old else HELD_S) - (now_s - self._seen_at_s)
        return HeldByOther(holder, left_s) if left_s > 0 else None

    def _clear(self, sight: _Sight, *, force: bool) -> bool:
        """Remove the lease that was judged. Of two who try, one gets it: rename moves it once."""
        grave = self._path.with_name(f".{self._path.name}.{self._us.token}")
        try:
            self._path.rename(grave)
        except FileNotFoundError:
            return True
        try:
            if force or _sight(grave) == sight:
                return True
            with contextlib.suppress(FileExistsError):
                self._path.hardlink_to(grave)
            return False
        finally:
            grave.unlink(missing_ok=True)

    def _create(self) -> bool:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            handle = os.open(self._path, flags, 0o600)
        except FileExistsError:
            return False
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._record())
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        self._beat_at_s = self._clock.monotonic_s()
        self._mark = _mark(self._path)
        return True

    def _raced(self) -> HeldByOther:
        sight = self._look()
        return HeldByOther(None if sight is None else parse(sight.content), HELD_S)

    def _renew(self) -> None:
        """Rewrite the very file that is ours: a rename could land on a lease taken just now.

        A full disk must not cost the volume: touching the file needs no space and counts too.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            holder = parse(os.pread(handle, _MAX_BYTES, 0))
            if holder is None or holder.token != self._us.token:
                raise LeaseLost(_TAKEN)
            try:
                os.pwrite(handle, self._record(), 0)
            except OSError as error:
                if not is_disk_full(error):
                    raise
                os.utime(handle)
        finally:
            os.close(handle)

    def _record(self) -> bytes:
        record = json.dumps({**asdict(self._us), "beat": self._clock.now_ms()})
        return record.ljust(_RECORD_BYTES).encode()


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes when anybody rewrites the file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - around every commit
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _sight(path: Path) -> _Sight:
    with path.open("rb") as file:
        return _Sight(file.read(_MAX_BYTES), os.fstat(file.fileno()).st_mtime_ns)


def _refusal(error: OSError) -> StorageUnavailable:
    reason = error.strerror or "an unknown error"
    return StorageUnavailable(f"The lease on this volume cannot be used: {reason}.")
