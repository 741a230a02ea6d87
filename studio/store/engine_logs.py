"""The log files that bootstrap writes: their last lines, or what came after a place in them."""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.store.logs_aside import moved_aside, opened

MAX_BYTES: Final = 2 << 20
MAX_LINE: Final = 2000
_ASIDE_TOO: Final = 2
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])|[\x00-\x08\x0b-\x1f\x7f]")
_PLACE: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of a log, oldest first, and where they end.

    ``is_fresh`` says that they do not follow the place that was asked for: the log was moved aside.
    """

    lines: tuple[str, ...]
    place: str
    is_fresh: bool


class LogFolder:
    """``STUDIO_DIR/logs``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, *, tail: int, after: str | None) -> LogPart:
        """Lines of ``<name>.log``; reads files, so not on the event loop.

        Args:
            tail: how many of the last lines, when nothing is said of ``after``.
            after: the ``place`` of an earlier part; then what came since.
        """
        try:
            handle = os.open(self._folder / f"{name}.log", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return LogPart((), "0-0", is_fresh=after not in (None, "0-0"))
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            known = _PLACE.fullmatch(after or "")
            follows = (
                known is not None
                and int(known[1]) == facts.st_ino
                and int(known[2]) <= facts.st_size
            )
            start = int(known[2]) if known and follows else max(0, facts.st_size - MAX_BYTES)
            file.seek(start)
            data = file.read(MAX_BYTES)
        whole = data[: data.rfind(b"\n") + 1] or (data if len(data) == MAX_BYTES else b"")
        lines = [_readable(line) for line in whole.split(b"\n")[:-1]]
        if not follows:
            # The first one may be the end of a longer line.
            lines = (lines[1:] if start else lines)[-tail:] if tail else []
            if not start:
                lines = [*self._before(name, tail - len(lines)), *lines]
        place = f"{facts.st_ino}-{start + len(whole)}"
        return LogPart(tuple(lines), place, is_fresh=after is not None and not follows)

    def _before(self, name: str, count: int) -> list[str]:
        """The last lines of what was moved aside: a new day begins with an empty log."""
        lines: list[str] = []
        for path in reversed(moved_aside(self._folder, f"{name}.log")):
            if len(lines) >= count:
                break
            older = [_readable(line) for line in _end(path, MAX_BYTES).split(b"\n")[:-1]]
            lines = [*older, *lines][-count:]
        return lines

    def files(self, most_bytes: int) -> dict[str, str]:
        """The end of every log, and of the newest ones that were moved aside, by its name."""
        found = {}
        for path in sorted([*self._folder.glob("*.log"), self._folder / "studio.jsonl"]):
            for each in (*moved_aside(self._folder, path.name)[-_ASIDE_TOO:], path):
                if text := _end(each, most_bytes).decode("utf-8", "replace"):
                    found[each.name.removesuffix(".gz")] = text
        return found


def _end(path: Path, most_bytes: int) -> bytes:
    """The last bytes of a log; none of one that was removed meanwhile, is damaged, or a link."""
    end = b""
    with contextlib.suppress(OSError, EOFError, zlib.error), opened(path) as file:
        while data := file.read(1 << 20):
            end = (end + data)[-most_bytes:]
    return end


def _readable(line: bytes) -> str:
    """A line as a terminal would show it: of a progress bar the last state, and no colours."""
    last = line.rstrip(b"\r").rpartition(b"\r")[2][-4 * MAX_LINE :]
    return _ESCAPE.sub("", last.decode("utf-8", "replace"))[-MAX_LINE:]
