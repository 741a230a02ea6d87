"""What only Linux offers; elsewhere each function does nothing or says so."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

LINUX: bool = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded once in the parent: a forked child must not import or load anything.
_LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None


def die_with_parent(parent_pid: int) -> Callable[[], None]:
    """A ``preexec_fn`` that ties the child's life to the thread that starts it.

    Must be called after the child's user was set (a change of user clears the signal), which is
    when ``subprocess`` calls it.
    """

    def tie() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # The parent may have died before the call took effect.
        if os.getppid() != parent_pid:
            os._exit(127)

    return tie


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, as process 1 would."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which ``pid`` began: with the pid it names one process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The command, second field, may hold spaces and brackets: count from its end.
    return int(stat.rpartition(b")")[2].split()[19])


def living_children() -> list[int]:
    """Pids of this process's children, zombies not counted."""
    if not LINUX:
        return []
    own = str(os.getpid()).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            if fields[1] == own and fields[0] != b"Z":
                found.append(int(entry.name))
    return found


def peer(connection: socket.socket) -> tuple[int, int] | None:
    """``(pid, uid)`` of the other end of a unix socket; None where the system cannot tell."""
    if not LINUX:
        return None
    size = struct.calcsize("3i")
    pid, uid, _gid = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return pid, uid
