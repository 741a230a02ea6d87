"""Which copy of the application Studio runs from: the image's own, or a release on the volume.

``STUDIO_DIR/releases/<version>-<commit>/`` holds what Studio's process imports and serves, and
``STUDIO_DIR/current`` is a link to one of them. The folder belongs to Studio's user, so nothing
here follows a link, waits for a pipe or trusts what a file says.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

RELEASES: Final = "releases"
CURRENT: Final = "current"
PARTS: Final = ("studio", "frontend", "catalogs", "workflows")
COMPONENTS: Final = ("app", "frontend", "catalogs", "workflows")
COMMIT_DIGITS: Final = 12
FAILED_STARTS: Final = 5
"""So many starts in a row that ended early, and the image's copy runs instead."""

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_COMMIT: Final = re.compile(r"[0-9a-f]{12}")
_FILE_BYTES: Final = 64 * 1024

Reason = Literal[
    "first_start",  # the volume has no release yet
    "current",  # the release that is switched to, known to be good
    "armed",  # the release that is switched to, on trial
    "rolled_back",  # the one on trial used up its tries
    "exhausted",  # so it did, and the one before it cannot be used either
    "damaged",  # a file that says which release runs cannot be read
    "missing",  # the release that is switched to is not there
    "unusable",  # it is there and cannot be used
    "failing",  # it can be used, and does not start
]


class ReleaseUnusable(Exception):
    """A folder that is no release that can run here; the message says why."""


@dataclass(frozen=True)
class Version:
    """What a ``version.json`` says.

    ``min_runtime`` is the lowest ``RUNTIME_VERSION`` of an image that it runs in.
    """

    version: str
    min_runtime: int
    components: Mapping[str, str]


@dataclass(frozen=True)
class Armed:
    """A release on trial.

    ``tries`` is how often it may still be started; ``previous`` the release to go back to, None
    for the image's own copy.
    """

    release: str
    previous: str | None
    tries: int


@dataclass(frozen=True)
class Found:
    """What lies on the volume.

    ``current`` is what the link names, None without a link. ``faults`` has every release that
    is there: why it cannot be used, or an empty text. ``damaged`` names a file or link that
    says which release runs and cannot be read, or is empty. ``failed_starts`` of what runs came
    in a row; those of a trial are counted by its tries.
    """

    current: str | None = None
    armed: Armed | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    damaged: str = ""
    failed_starts: int = 0


@dataclass(frozen=True)
class Choice:
    """Where Studio is started from.

    ``release`` is None for the image's own copy. ``safe_mode``: it is that copy because nothing
    else could be. ``switch``: ``release`` is not what the link names and it has to be.
    ``text`` says why, for the person who reads the log or the page.
    """

    release: str | None
    reason: Reason
    text: str
    safe_mode: bool = False
    switch: bool = False


def choose(found: Found) -> Choice:
    """Decide from what lies on the volume; touches nothing.

    A trial counts only while its release is the one that is switched to: whoever was killed
    between arming and switching has not tried anything.
    """
    if found.damaged:
        return _safe("damaged", f"{found.damaged} Which release ran well last is unknown.")
    is_failing = found.failed_starts >= FAILED_STARTS
    ended = f"ended early {found.failed_starts} times in a row. Its log says why."
    if found.current is None:
        if is_failing:
            return _safe("failing", f"Studio {ended}")
        return Choice(None, "first_start", "The volume has no release yet.")
    armed = found.armed
    if armed is not None and armed.release == found.current and armed.tries <= 0:
        return _back(armed, found)
    fault = found.faults.get(found.current)
    if fault is None:
        return _safe("missing", f"The release {found.current} is not on the volume.")
    if fault:
        return _safe("unusable", f"The release {found.current} cannot be used: {fault}")
    if armed is not None and armed.release == found.current:
        return Choice(found.current, "armed", f"The release {found.current} is on trial.")
    if is_failing:
        return _safe("failing", f"The release {found.current} {ended}")
    return Choice(found.current, "current", f"The volume says release {found.current}.")


def _back(armed: Armed, found: Found) -> Choice:
    failed = f"The release {armed.release} used up its tries"
    if armed.previous is None:
        text = f"{failed}; the image's own copy runs again."
        return Choice(None, "rolled_back", text, switch=True)
    fault = found.faults.get(armed.previous, "It is not on the volume.")
    if fault:
        return _safe("exhausted", f"{failed}, and {armed.previous} cannot be used: {fault}")
    text = f"{failed}; {armed.previous} runs again."
    return Choice(armed.previous, "rolled_back", text, switch=True)


def _safe(reason: Reason, text: str) -> Choice:
    return Choice(None, reason, text, safe_mode=True)


def find(
    studio_dir: Path,
    *,
    runtime: int,
    armed: Armed | None = None,
    damaged: str = "",
    failed_starts: int = 0,
) -> Found:
    """Look at the volume.

    Args:
        runtime: ``RUNTIME_VERSION`` of the image.
        armed: the trial that goes on, read by its owner.
        damaged: a sentence when its owner could not read it, else empty.
        failed_starts: how often in a row Studio ended early.
    """
    faults = {name: _fault(studio_dir / RELEASES / name, runtime) for name in names(studio_dir)}
    try:
        current = read_current(studio_dir)
    except ReleaseUnusable as error:
        return Found(armed=armed, faults=faults, damaged=damaged or str(error))
    return Found(current, armed, faults, damaged, failed_starts)


def names(studio_dir: Path) -> tuple[str, ...]:
    """Every folder of ``releases/`` that is named like a release, in order."""
    try:
        with os.scandir(studio_dir / RELEASES) as entries:
            found = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return ()
    return tuple(sorted(name for name in found if is_release_name(name)))


def release_name(version: str, commit: str) -> str:
    """The folder of ``version`` made from ``commit`` (12 or more hexadecimal digits).

    Raises:
        ValueError: one of them cannot be part of a name.
    """
    name = f"{version}-{commit[:COMMIT_DIGITS]}"
    if not is_release_name(name):
        raise ValueError(f"{version!r} and {commit!r} make no name of a release.")
    return name


def is_release_name(name: str) -> bool:
    """It is ``<version>-<commit>``, and so stays inside ``releases/``."""
    version, _, commit = name.rpartition("-")
    return bool(_VERSION.fullmatch(version) and _COMMIT.fullmatch(commit))


def read_version(folder: Path) -> Version:
    """What ``version.json`` of an application's folder says.

    Raises:
        ReleaseUnusable: it is missing or says something else than a version.
    """
    return parse_version(read_object(folder / "version.json"))


def parse_version(said: object) -> Version:
    """What the object in a ``version.json`` says.

    Raises:
        ReleaseUnusable: it is something else than a version.
    """
    if not isinstance(said, dict):
        raise ReleaseUnusable("version.json is no JSON object.")
    version, min_runtime = said.get("version"), said.get("min_runtime")
    components = said.get("components")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ReleaseUnusable("version.json names no version.")
    if not isinstance(min_runtime, int) or isinstance(min_runtime, bool) or min_runtime < 0:
        raise ReleaseUnusable("version.json does not say min_runtime, a number.")
    if not isinstance(components, dict) or not all(
        isinstance(components.get(name), str) and _VERSION.fullmatch(components[name])
        for name in COMPONENTS
    ):
        raise ReleaseUnusable("version.json does not say the version of every component.")
    return Version(version, min_runtime, {name: components[name] for name in COMPONENTS})


def read_object(path: Path) -> dict[str, Any]:
    """A small JSON object from a plain file that others may have written.

    Raises:
        ReleaseUnusable: it is missing, no plain file, too large or no JSON object.
    """
    name = path.name
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(path, flags)
    except OSError as error:
        raise ReleaseUnusable(f"{name} cannot be opened: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ReleaseUnusable(f"{name} is no plain file.")
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ReleaseUnusable(f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > _FILE_BYTES:
        raise ReleaseUnusable(f"{name} is too large.")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise ReleaseUnusable(f"{name} is not JSON.") from None
    if not isinstance(said, dict):
        raise ReleaseUnusable(f"{name} is no JSON object.")
    return said


def read_current(studio_dir: Path) -> str | None:
    """The release that ``current`` names; None without a link.

    Raises:
        ReleaseUnusable: it is no link, or does not lead to ``releases/<name>``.
    """
    try:
        target = str((studio_dir / CURRENT).readlink())
    except FileNotFoundError:
        return None
    except OSError:
        raise ReleaseUnusable(f"{CURRENT} is no link.") from None
    folder, _, name = target.rpartition("/")
    if folder != RELEASES or not is_release_name(name):
        raise ReleaseUnusable(f"The link {CURRENT} leads to no release.")
    return name


def switch(studio_dir: Path, name: str | None, owner: tuple[int, int] | None = None) -> None:
    """Make ``current`` name another release, in one step; None removes it.

    Args:
        owner: user and group of Studio, where bootstrap does it for it as root.

    Raises:
        ReleaseUnusable: there is no such release.
        OSError: the volume refuses.
    """
    link, new = studio_dir / CURRENT, studio_dir / f".{CURRENT}-{os.getpid()}"
    if name is None:
        link.unlink(missing_ok=True)
    else:
        folder = studio_dir / RELEASES / name
        if not is_release_name(name) or folder.is_symlink() or not folder.is_dir():
            raise ReleaseUnusable(f"There is no release {name}.")
        new.unlink(missing_ok=True)
        new.symlink_to(f"{RELEASES}/{name}")
        if owner is not None and os.geteuid() == 0:
            os.chown(new, *owner, follow_symlinks=False)
        if link.is_dir() and not link.is_symlink():
            # A folder cannot be replaced by a rename; nothing of ours ever made one here.
            link.rename(studio_dir / f"{CURRENT}-set-aside-{os.getpid()}")
        new.replace(link)
    sync_folder(studio_dir)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(folder: Path, runtime: int) -> str:
    """Why the release cannot run here; empty when it can."""
    try:
        version = read_version(folder)
    except ReleaseUnusable as error:
        return str(error)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        return f"It has no folder {missing[0]}."
    if version.min_runtime > runtime:
        return (
            f"It needs an image with RUNTIME_VERSION {version.min_runtime} or newer; "
            f"this one says {runtime}."
        )
    return ""
