"""Log files that were moved aside, by Studio or by bootstrap: compressed, and kept for a week.

They are called ``<name>-<UTC time>-<number>`` with the ending of the log that is written to.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

from boot.logs import STAMP

KEEP_S: Final = 7 * 86_400
KEEP_FILES: Final = 30
"""Of each log."""
_ASIDE: Final = re.compile(
    r"(?P<name>.{1,80})-(?P<at>\d{8}T\d{6}Z)-\d{3,}(?P<ending>\.jsonl|\.log)(?:\.gz)?", re.ASCII
)


def moved_aside(folder: Path, log: str) -> list[Path]:
    """The files that were ``log`` before, oldest first."""
    return _all(folder).get(log, [])


def free_name(folder: Path, log: str, now_s: float) -> Path:
    """What ``log`` can be called when it is moved aside now."""
    stem, _, ending = log.rpartition(".")
    stamp = time.strftime(STAMP, time.gmtime(now_s))
    number = 0
    while True:
        path = folder / f"{stem}-{stamp}-{number:03d}.{ending}"
        if not path.exists() and not path.with_name(f"{path.name}.gz").exists():
            return path
        number += 1


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A log's bytes, whether it is compressed or not; no link is followed."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as raw:
        yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw


def tidy(folder: Path, now_s: float) -> None:
    """Compress what is plain, and remove what is older than a week or too much.

    A file that refuses, or that bootstrap removes meanwhile, does not keep the others.
    """
    for path in folder.glob(".*.partial"):
        path.unlink(missing_ok=True)
    oldest = time.strftime(STAMP, time.gmtime(now_s - KEEP_S))
    for files in _all(folder).values():
        for number, path in enumerate(reversed(files), 1):
            found = _ASIDE.fullmatch(path.name)
            with contextlib.suppress(OSError):
                if number > KEEP_FILES or (found is not None and found["at"] < oldest):
                    path.unlink(missing_ok=True)
                elif path.suffix != ".gz":
                    _compress(path)


def _all(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if (known := _ASIDE.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
                found[known["name"] + known["ending"]].append(path)
    return found


def _compress(path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with (
        path.open("rb") as source,
        os.fdopen(handle, "wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(source, packed, 1 << 16)
    partial.replace(path.with_name(f"{path.name}.gz"))
    path.unlink()
