"""A helper that outlives a killed bootstrap for a moment, to end what it left behind.

The kernel ends each child when bootstrap dies, but not the children's own children. The warden is
forked before anything else, holds the reading end of a pipe and is told each process group. The
pipe closes exactly when bootstrap is gone, however it went.
"""

from __future__ import annotations

import contextlib
import os
import signal


class Warden:
    """Forks the helper. Call before any thread or socket exists."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writer)
            _watch(reader)
        os.close(reader)

    def guard(self, group: int) -> None:
        """End ``group`` should bootstrap die."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """``group`` has ended; its number may soon be another's."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the helper go and collect it."""
        os.close(self._writer)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        # A warden that somebody killed is missed only in the rare case it exists for.
        with contextlib.suppress(OSError):
            os.write(self._writer, line.encode())


def _watch(reader: int) -> None:
    """The helper's whole life; does not return."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Keep no terminal, lock or pipe of others open.
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, reader)
    os.closerange(reader + 1, 1024)
    groups: set[int] = set()
    rest = b""
    while data := os.read(reader, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            group = int(line[1:])
            if line.startswith(b"+"):
                groups.add(group)
            else:
                groups.discard(group)
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    os._exit(0)
