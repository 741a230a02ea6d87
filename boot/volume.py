"""What a volume really does: takes writes, reserves room, honours locks, and how long a sync takes.

Network volumes often promise more than they keep, and SQLite needs all of it. Everything is tried
on a file of our own, as the user that will work there, in a process that can be left behind when
the volume hangs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from boot.plan import Ids

RESERVE_BYTES: Final = 64 * 1024 * 1024
TIMEOUT_S: Final = 5.0
_SLOW_SYNC_MS: Final = 50.0
_SYNCS: Final = 5
_NAME: Final = ".probe"
# Where SQLite locks: one byte far beyond the end of any file.
_LOCKED_BYTE: Final = 0x40000000

Aspect = Literal["writable", "sync", "locks", "room"]
_ASPECTS: Final = get_args(Aspect)


@dataclass(frozen=True)
class Seen:
    """One thing that was tried; ``text`` says how it went."""

    aspect: Aspect
    good: bool
    text: str


def probe(folder: Path, ids: Ids | None = None, *, timeout_s: float = TIMEOUT_S) -> list[Seen]:
    """Try everything in ``folder``, which exists; leaves nothing there.

    Args:
        ids: who will work there, when that is not this process's user.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            _become(ids)
            for seen in _look(folder):
                os.write(writer, json.dumps(asdict(seen)).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writer)
    said, finished = _read(reader, time.monotonic() + timeout_s)
    found = [
        Seen(**json.loads(line)) for line in said.splitlines(keepends=True) if line.endswith(b"\n")
    ]
    if finished:
        os.waitpid(pid, 0)
        return found
    os.kill(pid, signal.SIGKILL)
    # It may hang inside the kernel, where nobody can end it: not waited for.
    os.waitpid(pid, os.WNOHANG)
    if len(found) == len(_ASPECTS):
        return found
    hung = _ASPECTS[len(found)]
    return [*found, Seen(hung, False, f"{folder} did not answer within {timeout_s:.0f} s.")]


def _become(ids: Ids | None) -> None:
    if ids is not None:
        os.setgroups(ids.groups)
        os.setgid(ids.gid)
        os.setuid(ids.uid)


def _read(reader: int, deadline: float) -> tuple[bytes, bool]:
    """What was said until the deadline, and whether that is all."""
    said = b""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            part = pipe.read(65536)
            if not part:
                return said, True
            said += part
    return said, False


def _look(folder: Path) -> Iterator[Seen]:
    """In the order of the aspects; nothing more is tried where nothing can be written."""
    path = folder / _NAME
    try:
        # Of one that hung and was ended.
        path.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        yield Seen("writable", False, f"{folder} cannot be written: {error.strerror}.")
        return
    try:
        try:
            took = _sync_ms(handle)
        except OSError as error:
            yield Seen("writable", False, f"{folder} takes no data: {error.strerror}.")
            return
        yield Seen("writable", True, f"{folder} takes data.")
        yield _sync(took)
        yield _locks(path, handle)
        yield _room(folder, handle)
    finally:
        os.close(handle)
        path.unlink()


def _sync_ms(handle: int) -> float:
    times = []
    for _ in range(_SYNCS):
        os.pwrite(handle, b"\0" * 4096, 0)
        before = time.perf_counter()
        os.fsync(handle)
        times.append((time.perf_counter() - before) * 1000)
    return statistics.median(times)


def _sync(took_ms: float) -> Seen:
    text = f"A sync to the disk takes {took_ms:.1f} ms."
    if took_ms > _SLOW_SYNC_MS:
        text += " Everything that is stored waits for one: a local disk is quicker."
    return Seen("sync", took_ms <= _SLOW_SYNC_MS, text)


def _room(folder: Path, handle: int) -> Seen:
    """Quotas do not show in what ``df`` says, so room is asked for and given back."""
    size = f"{RESERVE_BYTES >> 20} MiB"
    try:
        os.posix_fallocate(handle, 0, RESERVE_BYTES)
        reserved = os.fstat(handle).st_blocks * 512 >= RESERVE_BYTES
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
            return Seen("room", True, "This volume cannot reserve room.")
        why = f"{size} of room cannot be reserved in {folder}: {error.strerror}."
        return Seen("room", False, why)
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    if not reserved:
        return Seen("room", True, f"This volume says that it reserved {size}, and did not.")
    return Seen("room", True, f"{size} of room were reserved and given back.")


def _locks(path: Path, handle: int) -> Seen:
    """Whether a second process sees our locks, of both kinds."""
    broken = [name for name, kept in _LOCKS.items() if not _is_kept(path, handle, kept)]
    if broken:
        why = (
            f"{' and '.join(broken)} locks do nothing on this volume: never start two Studios "
            "on it at the same time."
        )
        return Seen("locks", False, why)
    return Seen("locks", True, "Locks hold.")


def _is_kept(path: Path, handle: int, lock: Callable[[int], None]) -> bool:
    try:
        lock(handle)
    except OSError:
        return False
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            lock(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
        except (BlockingIOError, PermissionError):
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _flock(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _record_lock(handle: int) -> None:
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCKED_BYTE)


_LOCKS: Final[dict[str, Callable[[int], None]]] = {"flock": _flock, "fcntl": _record_lock}
