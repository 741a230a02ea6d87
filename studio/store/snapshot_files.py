"""The files of snapshots: what they are called, and which of them are kept.

A name has the time, and each is later than every earlier one: the newest is known by its name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

KEEP_NEWEST: Final = 3
KEEP_DAYS: Final = 7
STAMP: Final = "%Y%m%dT%H%M%S"
_NAME: Final = re.compile(r"studio-(\d{8}T\d{6})\.(\d{3})Z-([a-z0-9-]+)\.db")
_DAY_MS: Final = 86_400_000
_EARLIEST_MS: Final = -2_208_988_800_000
"""The year 1900, before whatever a clock says that was never set."""


def snapshots(folder: Path) -> list[Path]:
    """All snapshots in ``folder``, newest first; good or not.

    Raises:
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [
            folder / entry.name
            for entry in entries
            if _read(entry.name) is not None and entry.is_file(follow_symlinks=False)
        ]
    return sorted(found, reverse=True)


def facts(path: Path) -> tuple[int, str]:
    """When a snapshot was taken, in ms, and why."""
    said = _read(path.name)
    if said is None:
        raise ValueError(f"not a snapshot: {path.name}")
    return said


def taken_at(path: Path) -> str:
    """When a snapshot was taken, for people."""
    said = _read(path.name)
    if said is None:
        return "an unknown time"
    return datetime.fromtimestamp(said[0] // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def next_name(folder: Path, reason: str, now_ms: int) -> str:
    """A name later than every other, so that a clock set back does not hide the newest.

    Raises:
        OSError: the folder cannot be read.
    """
    _set_back(folder, now_ms)
    latest = snapshots(folder)
    if latest:
        now_ms = max(now_ms, facts(latest[0])[0] + 1)
    return _name(now_ms, reason)


def rotate(folder: Path) -> bool:
    """Keep the 3 newest snapshots and the newest of each of the 7 latest days that have one.

    Returns:
        Whether all others are gone; the log says why not.
    """
    try:
        newest_first = snapshots(folder)
    except OSError as error:
        log.warning("older snapshots are not removed: %s", error)
        return False
    days: dict[str, Path] = {}
    for path in newest_first:
        days.setdefault(path.name[7:15], path)
    keep = {*newest_first[:KEEP_NEWEST], *list(days.values())[:KEEP_DAYS]}
    gone = True
    for path in newest_first:
        if path not in keep:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("the snapshot %s is not removed: %s", path.name, error)
                gone = False
    return gone


def _set_back(folder: Path, now_ms: int) -> None:
    """Rename what was taken while the clock was ahead, or every later day would be that one.

    They stay later than all others and as far apart as they were, the last one just before now: so
    nothing is lost either when it is the clock of now that is wrong.
    """
    found = [(facts(path), path) for path in reversed(snapshots(folder))]
    ahead = [(said, path) for said, path in found if said[0] > now_ms + _DAY_MS]
    if not ahead:
        return
    others = found[: -len(ahead)]
    by_ms = ahead[-1][0][0] - now_ms + 1
    latest_ms = others[-1][0][0] if others else _EARLIEST_MS
    log.warning("the clock was ahead: %d snapshots get earlier names", len(ahead))
    for (at_ms, reason), path in ahead:
        latest_ms = max(at_ms - by_ms, latest_ms + 1)
        with contextlib.suppress(OSError):
            path.rename(path.with_name(_name(latest_ms, reason)))


def _name(at_ms: int, reason: str) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).strftime(STAMP)
    name = f"studio-{moment}.{at_ms % 1000:03d}Z-{reason}.db"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not a reason for a snapshot: {reason!r}")
    return name


def _read(name: str) -> tuple[int, str] | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match[1], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int(match[2]), match[3]
