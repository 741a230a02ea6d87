"""Python and the packages of the lock file."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from studio.cli.checks.finding import Finding, fail, ok, warn

OLDEST_PYTHON: Final = (3, 11)
_LOCKED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)( *;)?", re.MULTILINE)
_SETUP: Final = "Run ./start.sh or scripts/setup, which bring the environment up to date."
_MAX_LISTED: Final = 5


def check_installation(root: Path) -> Iterator[Finding]:
    """Whether this interpreter and its packages are what the lock file asks for.

    It lies in ``root``, a checkout, or in the environment itself, as in the image.
    """
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield fail(
            "python", f"Python {version} is too old.", "Install Python 3.11 or newer; remove .venv."
        )
    else:
        yield ok("python", f"Python {version} in {sys.prefix}")
    locks = [folder / "requirements.lock" for folder in (root, Path(sys.prefix))]
    lock = next((each for each in locks if each.is_file()), None)
    if lock is None:
        yield warn("packages", "There is no lock file to compare with.", "Use a whole checkout.")
        return
    wanted: dict[str, list[str]] = {}
    conditional = set()
    for name, version, condition in _LOCKED.findall(lock.read_text(encoding="utf-8")):
        # A package may have one version for each Python, or none for some.
        wanted.setdefault(name, []).append(version)
        if condition:
            conditional.add(name)
    missing, other = [], []
    for name, versions in wanted.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name not in conditional:
                missing.append(name)
            continue
        if installed not in versions:
            other.append(f"{name} {installed} instead of {' or '.join(versions)}")
    if missing:
        yield fail("packages", f"Missing: {_listed(missing)}.", _SETUP)
    elif other:
        yield warn("packages", f"Other versions than tested: {_listed(other)}.", _SETUP)
    else:
        yield ok("packages", f"all {len(wanted)} are installed")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
