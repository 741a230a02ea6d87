"""Start the storage programs and read what they acknowledged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from studio.store.connection import connect

ROOT: Final = Path(__file__).resolve().parents[2]
_PROGRAM: Final = Path(__file__).with_name("storage_child.py")


@contextlib.contextmanager
def started(*arguments: object, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """One program with its output in a pipe; it is killed at the end when it still runs."""
    command = [*before, sys.executable, "-u", str(_PROGRAM), *map(str, arguments)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as child:
        try:
            yield child
        finally:
            child.kill()
            with contextlib.suppress(ValueError, OSError):
                child.communicate(timeout=20)


def line_of(child: subprocess.Popen[str]) -> str:
    """The next line; empty at the end."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def wait_for(child: subprocess.Popen[str], word: str) -> list[str]:
    """Read lines until one starts with ``word``; return all of them."""
    lines: list[str] = []
    while not lines or lines[-1].split(" ")[0] != word:
        line = line_of(child)
        if not line:
            _, trouble = child.communicate(timeout=20)
            raise AssertionError(f"{lines[-3:]} was not followed by {word}: {trouble[-2000:]}")
        lines.append(line)
    return lines


def acknowledged(text: str) -> set[int]:
    """The ids whose writes were acknowledged; a last line that was cut short does not count."""
    whole = text[: text.rfind("\n") + 1].splitlines()
    return {int(line.split()[1]) for line in whole if line.startswith("id ")}


def stored(path: Path) -> set[int]:
    """The ids in an intact database at ``path``, opened as Studio does."""
    with contextlib.closing(connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        try:
            return {int(row[0]) for row in connection.execute("SELECT id FROM rows")}
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)
            return set()
