"""Where the lines of bootstrap and its children go: rotated files, a short memory, the console."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from boot.plan import Ids

STAMP: Final = "%Y%m%dT%H%M%SZ"
_DAY_S: Final = 86_400
_LINE_BYTES: Final = 2000
_QUEUE_LINES: Final = 10_000


class LogFile:
    """``<folder>/<name>.log``; safe to use from threads.

    Each day, and when it is full, it is moved aside as ``<name>-<UTC time>-<number>.log``. Studio
    compresses those and removes them after a week; here no more than ``files`` are left.

    The folder is held open and no link is followed, because in the image bootstrap is root while
    the folder belongs to Studio. A disk that refuses loses lines, never a child.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        size_bytes: int,
        files: int,
        owner: Ids | None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._stem = name
        self._name = f"{name}.log"
        self._aside = re.compile(
            rf"{re.escape(name)}-\d{{8}}T\d{{6}}Z-\d{{3,}}\.log(\.gz)?", re.ASCII
        )
        self._limit_bytes = size_bytes
        self._files = files
        self._owner = owner
        self._now_s = now_s
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._used_bytes = 0
        self._day = 0

    def write(self, data: bytes) -> None:
        """Append ``data``, after moving a full file aside."""
        with self._lock:
            if self._folder < 0:
                return
            try:
                while data:
                    data = self._write_some(data)
            except OSError:
                self._close_file()

    def _write_some(self, data: bytes) -> bytes:
        """Write the whole lines that fit into the present file, one at least; return the rest."""
        if self._handle is None:
            self._open()
        room = self._limit_bytes - self._used_bytes
        is_full = data.find(b"\n", 0, room) < 0 and len(data) > room
        if self._used_bytes and (is_full or self._day != _day(self._now_s())):
            self._rotate()
            room = self._limit_bytes
        if self._handle is None:
            return b""
        end = len(data)
        if end > room:
            end = data.rfind(b"\n", 0, room) + 1 or data.find(b"\n") + 1 or end
        self._used_bytes += os.write(self._handle, data[:end])
        return data[end:]

    def close(self) -> None:
        """Further writes are dropped."""
        with self._lock:
            self._close_file()
            if self._folder >= 0:
                os.close(self._folder)
                self._folder = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._name, flags | os.O_NONBLOCK, 0o600, dir_fd=self._folder)
        facts = os.fstat(handle)
        # A pipe or a second name for another file is not a log of ours.
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            os.close(handle)
            raise OSError("not a plain file")
        os.fchmod(handle, 0o600)
        if self._owner is not None:
            os.fchown(handle, self._owner.uid, self._owner.gid)
        self._handle, self._used_bytes = handle, facts.st_size
        # What was written before this start may be of another day.
        self._day = _day(facts.st_mtime if facts.st_size else self._now_s())

    def _rotate(self) -> None:
        self._close_file()
        with os.scandir(self._folder) as entries:
            before = sorted(each.name for each in entries if self._aside.fullmatch(each.name))
        stem = f"{self._stem}-{time.strftime(STAMP, time.gmtime(self._now_s()))}-"
        # Behind the last of the same second, also where earlier ones have gone.
        same = [name.removeprefix(stem) for name in before if name.startswith(stem)]
        number = max((int(name.partition(".")[0]) + 1 for name in same), default=0)
        aside = f"{stem}{number:03d}.log"
        os.rename(self._name, aside, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        for name in sorted((*before, aside))[: -self._files]:
            # Studio tidies up here, too.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)
        self._open()

    def _close_file(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _day(moment_s: float) -> int:
    return int(moment_s // _DAY_S)


class Tail:
    """The last complete lines of a stream, bounded in number and length."""

    def __init__(self, lines: int) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._rest = b""
        self._lock = threading.Lock()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; a progress bar that rewrites its line counts once."""
        with self._lock:
            *whole, rest = (self._rest + data).split(b"\n")
            for line in whole:
                self._lines.append(_readable(line))
            self._rest = rest[-_LINE_BYTES:]

    def lines(self) -> list[str]:
        """Oldest first; an unfinished last line is included."""
        with self._lock:
            last = [_readable(self._rest)] if self._rest.strip() else []
            return [*self._lines, *last][-(self._lines.maxlen or 0) :] if self._lines.maxlen else []


def _readable(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2][-_LINE_BYTES:].decode("utf-8", "replace")


class Console:
    """Standard output behind a thread: a terminal that stands still must not stop supervision."""

    def __init__(self, log_file: LogFile | None = None) -> None:
        self._log_file = log_file
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LINES)
        self._thread = threading.Thread(target=self._pump, name="console", daemon=True)
        self._thread.start()

    def log(self, message: str) -> None:
        """Say what bootstrap does, on the console and in ``bootstrap.log``."""
        line = f"bootstrap: {message}\n".encode()
        self.echo(line)
        if self._log_file is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00 ", time.gmtime()).encode()
            self._log_file.write(stamp + line)

    def echo(self, data: bytes) -> None:
        """Show a child's bytes; dropped when ten thousand writes wait already."""
        try:
            self._queue.put_nowait(data)
        except queue.Full:
            return

    def close(self, timeout_s: float) -> None:
        """Write what waits, for at most ``timeout_s``."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _pump(self) -> None:
        handle = sys.stdout.fileno()
        while (data := self._queue.get()) is not None:
            try:
                while data:
                    data = data[os.write(handle, data) :]
            except OSError:
                # The reader has gone away; the log files go on.
                continue
