"""The way back from an archive that was put in place: it is open until Studio has opened with it.

Until then a file in the state folder names where that is which was there before, and counts the
starts. It is written before the first part is moved, so that a kill at any moment loses no part.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from studio.paths import atomic_write, fsync_folder
from studio.store.archive import PARTS
from studio.store.blobs import translate

log = logging.getLogger(__name__)

_PENDING: Final = ".restored.json"
_STARTS: Final = 3


@dataclass(frozen=True, slots=True)
class _Pending:
    """``starts`` did not come to an end; ``is_refused``: what was there is on its way back."""

    aside: str
    starts: int = 0
    is_refused: bool = False


def keep_way_back(studio_dir: Path, aside: str) -> None:
    """From now on ``aside`` is where that is which was there before.

    Raises:
        OSError: the volume refuses.
    """
    _write(studio_dir, _Pending(aside))


def begin_open(studio_dir: Path) -> str | None:
    """Count a start with what was put in place; after a few that never opened it is taken back.

    Returns:
        Where that is which was there before, ``None`` when there is no way back.

    Raises:
        DiskFull, StorageUnavailable: that could not be done.
    """
    pending = _read(studio_dir)
    if pending is None:
        return None
    if pending.starts >= _STARTS:
        told = f"Studio did not open in {pending.starts} starts."
        refused = take_back(studio_dir, pending.aside)
        log.error("%s What was there is back; what was brought in is in %s", told, refused)
        return None
    try:
        _write(studio_dir, replace(pending, starts=pending.starts + 1))
    except OSError as error:
        raise translate(error) from error
    return pending.aside


def close_way_back(studio_dir: Path) -> None:
    """Studio opened with what was put in place.

    Raises:
        DiskFull, StorageUnavailable: the volume refuses.
    """
    try:
        (studio_dir / _PENDING).unlink(missing_ok=True)
        fsync_folder(studio_dir)
    except OSError as error:
        raise translate(error) from error


def take_back(studio_dir: Path, aside: str) -> str:
    """Put what a restore moved aside back in place, because Studio does not start with the new.

    Returns:
        The name of the folder with what was restored.

    Raises:
        DiskFull, StorageUnavailable: it is completed at the next start.
    """
    refused = studio_dir / f"{aside}-refused"
    try:
        refused.mkdir(mode=0o700, exist_ok=True)
        _write(studio_dir, _Pending(aside, is_refused=True))
        swap(studio_dir / aside, studio_dir, refused)
    except OSError as error:
        raise translate(error) from error
    close_way_back(studio_dir)
    return refused.name


def finish_taking_back(studio_dir: Path) -> None:
    """Complete a way back that was interrupted.

    Raises:
        DiskFull, StorageUnavailable: it could not be completed; call again.
    """
    pending = _read(studio_dir)
    if pending is not None and pending.is_refused:
        take_back(studio_dir, pending.aside)


def swap(new: Path, studio_dir: Path, aside: Path) -> None:
    """Each part of ``new`` takes its place; repeating it completes what was interrupted."""
    for part in PARTS:
        if not (new / part).exists():
            continue
        with contextlib.suppress(FileNotFoundError):
            (studio_dir / part).rename(aside / part)
        (new / part).rename(studio_dir / part)
    fsync_folder(aside)
    fsync_folder(studio_dir)


def _read(studio_dir: Path) -> _Pending | None:
    try:
        said = json.loads((studio_dir / _PENDING).read_bytes())
        pending = _Pending(str(said["aside"]), int(said["starts"]), said["is_refused"] is True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.error("the way back from a restored backup cannot be read: %s", error)
        return None
    return pending if Path(pending.aside).name == pending.aside else None


def _write(studio_dir: Path, pending: _Pending) -> None:
    atomic_write(studio_dir / _PENDING, json.dumps(asdict(pending)).encode())
