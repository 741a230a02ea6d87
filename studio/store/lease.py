"""The lease that keeps two Studios from writing to one volume.

``lease.json`` names the holder and is rewritten every 10 s. File locks are not asked: on network
volumes they may succeed for everyone. Neither do two hosts' clocks decide. Whoever finds a foreign
lease watches it: one that changes is alive, one that does not change for 60 s of the watcher's own
monotonic time is dead. When its beat also looks more than 10 min old by wall time, 25 s of silence
(two beats and a half) are enough; a wrong clock then costs nothing, since a live holder still
changes it in that time. On the holder's own host there is no wait: its process runs or it does not.

A holder that cannot beat for 50 s must take itself for lost, because at 60 s another may start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.errors import StorageUnavailable
from studio.paths import atomic_write
from studio.store.connection import is_disk_full

BEAT_S: Final = 10.0
HELD_S: Final = 60.0
HELD_OLD_S: Final = 25.0
OLD_MS: Final = 600_000
LOST_S: Final = 50.0
_MAX_BYTES: Final = 4096


class LeaseLost(StorageUnavailable):
    """Another Studio took the volume, or this one could not renew in time: stop writing."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The content of the lease file.

    ``boot_id``, ``host`` and ``pid_ns`` together name the place in which ``pid`` means something;
    ``start_time`` (clock ticks since the host's boot) tells it from a later process of that
    number. ``beat`` is wall time in milliseconds, for people. ``token`` is this acquisition's own.
    """

    boot_id: str
    host: str
    pid_ns: int
    pid: int
    start_time: int
    beat: int
    token: str


@dataclass(frozen=True, slots=True)
class Held:
    """The volume is ours."""


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
        self._us = _this_process()
        self._seen: _Sight | None = None
        self._seen_at_s = 0.0
        self._beat_at_s: float | None = None

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
        try:
            sight = self._look()
            if sight is not None:
                other = self._judge(sight)
                if other is not None and not take_over:
                    return other
                if not self._clear(sight, force=take_over):
                    return HeldByOther(_parse(sight.content), HELD_S)
            if not self._create():
                return self.acquire(take_over=take_over) if take_over else self._raced()
        except OSError as error:
            raise _refusal(error) from error
        return Held()

    def beat(self) -> None:
        """Renew. Call it every 10 s, from a thread: network volumes can be slow.

        Raises:
            LeaseLost: another holds it, or 50 s passed without success. Halt the database.
            StorageUnavailable: it could not be renewed this time; try again.
        """
        now_s = self._clock.monotonic_s()
        try:
            sight = self._look()
            holder = None if sight is None else _parse(sight.content)
            if sight is not None and (holder is None or holder.token != self._us.token):
                self._beat_at_s = None
                raise LeaseLost("Another Studio has taken this volume over: nothing is written.")
            if sight is not None:
                self._renew()
            elif not self._create():
                self._beat_at_s = None
                raise LeaseLost("Another Studio has taken this volume over: nothing is written.")
        except OSError as error:
            if self._beat_at_s is None or now_s - self._beat_at_s > LOST_S:
                self._beat_at_s = None
                raise LeaseLost("The lease on this volume could not be renewed.") from error
            raise _refusal(error) from error
        self._beat_at_s = now_s

    async def keep(self) -> None:
        """Beat for as long as the lease is held; the body of a task.

        Raises:
            LeaseLost: halt the database, then end the process.
        """
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await asyncio.wait_for(asyncio.to_thread(self.beat), LOST_S)
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
            holder = None if sight is None else _parse(sight.content)
            if holder is not None and holder.token == self._us.token:
                self._path.unlink()

    def _look(self) -> _Sight | None:
        try:
            return _sight(self._path)
        except FileNotFoundError:
            return None

    def _judge(self, sight: _Sight) -> HeldByOther | None:
        """``None`` when the lease may be taken."""
        now_s = self._clock.monotonic_s()
        if sight != self._seen:
            self._seen, self._seen_at_s = sight, now_s
        holder = _parse(sight.content)
        if holder is not None and _place(holder) == _place(self._us) is not None:
            return HeldByOther(holder, None) if _runs(holder) else None
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
        return True

    def _raced(self) -> HeldByOther:
        sight = self._look()
        return HeldByOther(None if sight is None else _parse(sight.content), HELD_S)

    def _renew(self) -> None:
        """A full disk must not cost the volume: touching the file needs no space and counts."""
        try:
            atomic_write(self._path, self._record())
        except OSError as error:
            if not is_disk_full(error):
                raise
            os.utime(self._path)

    def _record(self) -> bytes:
        return json.dumps({**asdict(self._us), "beat": self._clock.now_ms()}).encode()


def _sight(path: Path) -> _Sight:
    with path.open("rb") as file:
        return _Sight(file.read(_MAX_BYTES), os.fstat(file.fileno()).st_mtime_ns)


def _this_process() -> Holder:
    pid = os.getpid()
    return Holder(
        boot_id=_boot_id(),
        host=socket.gethostname(),
        pid_ns=_pid_namespace(),
        pid=pid,
        start_time=_start_time(pid) or 0,
        beat=0,
        token=secrets.token_hex(16),
    )


def _boot_id() -> str:
    """The host's; empty where there is none, and then every lease counts as another host's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _pid_namespace() -> int:
    """Containers share their host's boot id, but not its process numbers."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _place(holder: Holder) -> tuple[str, str, int] | None:
    if not holder.boot_id or not holder.pid_ns:
        return None
    return holder.boot_id, holder.host, holder.pid_ns


def _runs(holder: Holder) -> bool:
    """Whether the holder's process lives; when in doubt it does."""
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    started = _start_time(holder.pid)
    return started is None or started == holder.start_time


def _start_time(pid: int) -> int | None:
    """Clock ticks after the host's boot; 0 for a process that has ended but was not reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _parse(content: bytes) -> Holder | None:
    try:
        data = json.loads(content)
        return Holder(
            boot_id=str(data["boot_id"]),
            host=str(data["host"]),
            pid_ns=int(data["pid_ns"]),
            pid=max(int(data["pid"]), 1),
            start_time=int(data["start_time"]),
            beat=int(data["beat"]),
            token=str(data["token"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _refusal(error: OSError) -> StorageUnavailable:
    reason = error.strerror or "an unknown error"
    return StorageUnavailable(f"The lease on this volume cannot be used: {reason}.")
