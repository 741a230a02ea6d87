"""Studio's own log as lines of JSON: written beside everything else, rotated, searched.

``studio.jsonl`` is written to; each day, or when it is large, it becomes
``studio-<UTC time>-<number>.jsonl.gz``. Those are kept for a week.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from studio.logs import as_record
from studio.store.logs_aside import free_name, moved_aside, opened, tidy

FILE_BYTES: Final = 10 << 20
TIDY_EVERY_S: Final = 300.0
NAME: Final = "studio.jsonl"
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_WAITING_LINES: Final = 10_000
_CURSOR: Final = re.compile(r"([\w.-]{1,80}):([0-9]{1,9})", re.ASCII)


class LogWriter(logging.Handler):
    """Takes every record; a thread writes, rotates and compresses, so that nobody waits for it.

    A disk that refuses, or a thread that cannot follow, loses lines and nothing else.

    Args:
        folder: where the files are.
        now_s: the wall clock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int = FILE_BYTES,
        tidy_every_s: float = TIDY_EVERY_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._file_bytes = file_bytes
        self._tidy_every_s = tidy_every_s
        self._now_s = now_s
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING_LINES)
        self._file: IO[bytes] | None = None
        self._day = ""
        self._thread = threading.Thread(target=self._pump, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record, with the request, job and person that it belongs to."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(as_record(record))

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join()
        super().close()

    def _pump(self) -> None:
        next_s = 0.0
        while True:
            # What bootstrap moves aside is compressed here, too.
            if time.monotonic() >= next_s:
                with contextlib.suppress(OSError):
                    tidy(self._folder, self._now_s())
                next_s = time.monotonic() + self._tidy_every_s
            try:
                line = self._lines.get(timeout=max(0.0, next_s - time.monotonic()))
            except queue.Empty:
                continue
            if line is None:
                break
            try:
                self._write(line.encode() + b"\n")
            except OSError:
                self._close_file()
        self._close_file()

    def _write(self, data: bytes) -> None:
        today = time.strftime("%Y%m%d", time.gmtime(self._now_s()))
        if self._file is None:
            self._file = self._open(today)
        size = self._file.tell()
        if size and (self._day != today or size + len(data) > self._file_bytes):
            self._close_file()
            self._move_aside()
            self._file = self._open(today)
        self._file.write(data)
        self._file.flush()

    def _open(self, today: str) -> IO[bytes]:
        path = self._folder / NAME
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(path, flags, 0o600), "ab")
        size = file.tell()
        # What an earlier Studio wrote may be of another day.
        changed_s = path.stat().st_mtime if size else self._now_s()
        self._day = time.strftime("%Y%m%d", time.gmtime(changed_s)) if size else today
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _move_aside(self) -> None:
        (self._folder / NAME).rename(free_name(self._folder, NAME, self._now_s()))
        tidy(self._folder, self._now_s())


@contextlib.contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Within the block everything that is logged is kept in the log's files, too."""
    writer, root = LogWriter(folder), logging.getLogger()
    root.addHandler(writer)
    try:
        yield
    finally:
        root.removeHandler(writer)
        writer.close()


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is looked for; everything given must be true of an entry."""

    level: str = "debug"
    text: str = ""
    request: str | None = None
    job: str | None = None
    user: str | None = None

    def finds(self, line: str, entry: dict[str, Any]) -> bool:
        level = str(entry.get("level"))
        return (
            (level not in LEVELS or LEVELS.index(level) >= LEVELS.index(self.level))
            and all(
                wanted is None or entry.get(name) == wanted
                for name, wanted in (
                    ("request", self.request),
                    ("job", self.job),
                    ("user", self.user),
                )
            )
            and self.text.casefold() in line.casefold()
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries, newest first; ``older`` is where the next page begins, ``None`` at the end."""

    entries: tuple[dict[str, Any], ...]
    older: str | None


class StudioLog:
    """Reads what ``LogWriter`` wrote. Its calls read files, so they are not for the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, query: LogQuery, *, limit: int, before: str | None = None) -> LogPage:
        """The newest entries that the query finds.

        Args:
            before: ``older`` of the page before; one that leads nowhere any more is the beginning.
        """
        files = [*moved_aside(self._folder, NAME), self._folder / NAME]
        known = _CURSOR.fullmatch(before or "")
        last = int(known[2]) if known else None
        if known and (place := _place(files, known[1])) is not None:
            files = files[: place + 1]
        else:
            last = None
        found: list[dict[str, Any]] = []
        for path in reversed(files):
            lines = list(_lines(path))
            for number in range(len(lines) if last is None else min(last, len(lines)), 0, -1):
                entry = _entry(lines[number - 1])
                if entry is not None and query.finds(lines[number - 1], entry):
                    if len(found) == limit:
                        return LogPage(tuple(found), f"{_stem(path)}:{number}")
                    found.append(entry)
            last = None
        return LogPage(tuple(found), None)

    def lines(self, query: LogQuery) -> Iterator[str]:
        """Every line that the query finds, oldest first, in constant memory."""
        for path in (*moved_aside(self._folder, NAME), self._folder / NAME):
            for line in _lines(path):
                entry = _entry(line)
                if entry is not None and query.finds(line, entry):
                    yield line


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _place(files: list[Path], stem: str) -> int | None:
    return next((place for place, path in enumerate(files) if _stem(path) == stem), None)


def _lines(path: Path) -> Iterator[str]:
    """The whole lines of a file; none of one that is damaged, or was removed meanwhile."""
    with contextlib.suppress(OSError, EOFError, gzip.BadGzipFile), opened(path) as file:
        for data in file:
            if data.endswith(b"\n"):
                yield data[:-1].decode("utf-8", "replace")


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
