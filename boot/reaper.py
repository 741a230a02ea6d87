"""Collecting ended processes: named children and adopted orphans alike."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Container
from dataclasses import dataclass

from boot.linux import living_children


@dataclass(frozen=True)
class End:
    """A process that was collected, with the status ``waitpid`` gave."""

    pid: int
    wait_status: int


def collect(leaders: Container[int]) -> End | None:
    """Collect one ended process, if there is one; of a leader, kill the rest of its group.

    Args:
        leaders: pids that lead a process group of their own.
    """
    try:
        if not hasattr(os, "waitid"):
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
            if pid in leaders:
                _kill_group(pid)
            return End(pid, wait_status) if pid else None
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        # Before it is collected its group number cannot have become another's.
        if ended.si_pid in leaders:
            _kill_group(ended.si_pid)
        return End(*os.waitpid(ended.si_pid, 0))
    except ChildProcessError:
        return None


def end_adopted(*, spare: int, timeout_s: float) -> set[int]:
    """Kill and collect every remaining child of this process, but not ``spare``.

    Returns:
        The pids that had to be killed.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        left = [pid for pid in living_children() if pid != spare]
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(left)
        time.sleep(0.01)
        while collect(()) is not None:
            continue
    return killed


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
