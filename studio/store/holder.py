"""Who holds a volume: a process, told apart from every other on every host."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path


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


def this_process() -> Holder:
    """A new claim of the process that asks."""
    pid = os.getpid()
    return Holder(
        boot_id=_boot_id(),
        host=socket.gethostname(),
        pid_ns=_pid_namespace(),
        pid=pid,
        start_time=start_time(pid) or 0,
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


def is_same_place(one: Holder, other: Holder) -> bool:
    """Whether a process number means the same to both."""
    if not one.boot_id or not one.pid_ns:
        return False
    return (one.boot_id, one.host, one.pid_ns) == (other.boot_id, other.host, other.pid_ns)


def runs(holder: Holder) -> bool:
    """Whether the holder's process lives; when in doubt it does."""
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # Somebody else's process. Its start says whether it is the holder all the same.
    started = start_time(holder.pid)
    return started is None or started == holder.start_time


def start_time(pid: int) -> int | None:
    """Clock ticks after the host's boot; 0 for a process that has ended but was not reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def parse(content: bytes) -> Holder | None:
    """The holder that a lease file names, ``None`` when it cannot be understood."""
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
