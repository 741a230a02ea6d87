"""A release on trial: started a few times at most, and left again unless Studio calls it good.

``releases/armed.json`` says which release that is, and how often it may still be started. Bootstrap
takes one try off, on the disk, before each start; Studio removes the file once the release has
worked for a while. With no try left the release before it runs again, and
``releases/rolled_back.json`` says why.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from boot.releases import (
    RELEASES,
    Armed,
    ReleaseUnusable,
    is_release_name,
    read_object,
    switch,
    sync_folder,
)

Owner = tuple[int, int]
"""User and group of Studio, where bootstrap writes for it as another user."""

TRIES: Final = 3
ARMED_FILE: Final = "armed.json"
ROLLED_BACK_FILE: Final = "rolled_back.json"
GOOD_FILE: Final = "good.json"
PUT_OFF_S: Final = 120.0
"""Until then the deadline waits, once Studio has said that it cannot tell yet."""
_TEXT: Final = 500
_LATEST: Final = 1e11


@dataclass(frozen=True)
class Trial(Armed):
    """A release on trial, as ``armed.json`` has it.

    ``armed_at`` is in unix seconds. ``engines`` were ready before. ``failing`` is what of it did
    not work when it was last looked at. ``given_back``: one try was not counted.
    """

    armed_at: float = 0.0
    engines: tuple[str, ...] = ()
    failing: str = ""
    given_back: bool = False


@dataclass(frozen=True)
class RolledBack:
    """A release that was left again: ``why``, and ``at`` in unix seconds."""

    release: str
    why: str
    at: float


@dataclass(frozen=True)
class Good:
    """The release that was last found good, and the one before it; None is the image's copy."""

    release: str
    previous: str | None


def arm(studio_dir: Path, release: str, previous: str | None, engines: Sequence[str] = ()) -> None:
    """Put ``release`` on trial; it counts from the moment ``current`` names it.

    Args:
        previous: what is gone back to, None for the image's own copy.
        engines: names of those that are ready now.
    """
    trial = Trial(release, previous, TRIES, time.time(), tuple(engines))
    write_trial(studio_dir, trial)


def roll_back(studio_dir: Path, trial: Trial, owner: Owner | None = None) -> None:
    """Go back to what ran before, and write down why.

    Raises:
        OSError, ReleaseUnusable: it can be repeated.
    """
    why = trial.failing or "It ended, or was never ready, each time it was started."
    record = RolledBack(trial.release, why, time.time())
    write_object(studio_dir, ROLLED_BACK_FILE, asdict(record), owner)
    switch(studio_dir, trial.previous, owner)
    disarm(studio_dir)


def give_up(studio_dir: Path, trial: Trial, why: str, owner: Owner | None = None) -> None:
    """Leave no try: bootstrap goes back at the next start of Studio."""
    write_trial(studio_dir, replace(trial, tries=0, failing=why[:_TEXT]), owner)


def put_off(studio_dir: Path) -> None:
    """Nothing can be said of the release now. A full disk takes this too: it writes nothing new.

    Raises:
        OSError: there is no trial, or the volume refuses.
    """
    until = time.time() + PUT_OFF_S
    os.utime(studio_dir / RELEASES / ARMED_FILE, (until, until))


def is_put_off(studio_dir: Path) -> bool:
    """Studio said a moment ago that it cannot tell yet.

    Raises:
        OSError: there is no trial, or the volume refuses.
    """
    until = (studio_dir / RELEASES / ARMED_FILE).lstat().st_mtime
    # A clock that was set back must not keep it off for longer.
    return 0 < until - time.time() <= PUT_OFF_S


def mark_good(studio_dir: Path, trial: Trial) -> None:
    """The trial is over: the release stays, and is what a later update goes back to."""
    write_object(studio_dir, GOOD_FILE, asdict(Good(trial.release, trial.previous)))
    disarm(studio_dir)


def disarm(studio_dir: Path) -> None:
    """End a trial without a verdict, for example one that was never switched to."""
    with contextlib.suppress(FileNotFoundError):
        (studio_dir / RELEASES / ARMED_FILE).unlink()
        sync_folder(studio_dir / RELEASES)


def read_trial(studio_dir: Path) -> Trial | None:
    """The release on trial.

    Raises:
        ReleaseUnusable: the file is there and cannot be understood.
    """
    said = _read(studio_dir, ARMED_FILE)
    if said is None:
        return None
    release, previous, tries = said.get("release"), said.get("previous"), said.get("tries")
    names = [name for name in (release, previous) if name is not None]
    if (
        not isinstance(release, str)
        or not all(isinstance(name, str) and is_release_name(name) for name in names)
        or not isinstance(tries, int)
        or isinstance(tries, bool)
    ):
        raise ReleaseUnusable(f"{RELEASES}/{ARMED_FILE}")
    engines = said.get("engines")
    return Trial(
        release,
        previous,
        min(tries, TRIES),
        _time(said.get("armed_at")),
        tuple(str(name) for name in engines) if isinstance(engines, list) else (),
        _text(said.get("failing")),
        said.get("given_back") is True,
    )


def write_trial(studio_dir: Path, trial: Trial, owner: Owner | None = None) -> None:
    """Replace ``armed.json``; on the disk when this returns."""
    write_object(studio_dir, ARMED_FILE, asdict(trial), owner)


def read_rolled_back(studio_dir: Path) -> RolledBack | None:
    """The last release that was left again, until that is dismissed or another one is good."""
    try:
        said = _read(studio_dir, ROLLED_BACK_FILE) or {}
    except ReleaseUnusable:
        return None
    release = said.get("release")
    if not isinstance(release, str) or not is_release_name(release):
        return None
    return RolledBack(release, _text(said.get("why")), _time(said.get("at")))


def forget_rolled_back(studio_dir: Path) -> None:
    """Whoever had to know has been told."""
    (studio_dir / RELEASES / ROLLED_BACK_FILE).unlink(missing_ok=True)


def read_good(studio_dir: Path) -> Good | None:
    """The release that was last found good, if one was."""
    try:
        said = _read(studio_dir, GOOD_FILE) or {}
    except ReleaseUnusable:
        return None
    names = [said.get("release"), said.get("previous")]
    release, previous = (
        name if isinstance(name, str) and is_release_name(name) else None for name in names
    )
    return None if release is None else Good(release, previous)


def _read(studio_dir: Path, name: str) -> dict[str, Any] | None:
    path = studio_dir / RELEASES / name
    return read_object(path) if os.path.lexists(path) else None


def write_object(
    studio_dir: Path, name: str, said: dict[str, Any], owner: Owner | None = None
) -> None:
    """Replace a file beside the releases; on the disk when this returns.

    Bootstrap may be root in a folder of Studio's user: nothing that lies there is followed.
    """
    folder = studio_dir / RELEASES
    partial = folder / f".{name}.new"
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(partial, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(said).encode())
            file.flush()
            if owner is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        partial.replace(folder / name)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def _text(value: object) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""


def _time(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    return float(value) if 0 <= value < _LATEST else 0.0
