"""Put the node packs of one variant into the image: what ``nodes.lock`` says, to the byte.

    install_nodes.py LOCK VARIANT FOLDER

Each pack is fetched at its commit, never at a branch, and its list of requirements must have the
hash that it had when ``image/locks`` was made from it. Nothing of a pack is run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIANTS = ("minimal", "standard", "full")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMEOUT_S = 900


class LockError(Exception):
    """What is wrong with the lock, or with what was fetched."""


@dataclass(frozen=True)
class Pack:
    """One entry. ``requirements`` is the file with its requirements, empty without one."""

    name: str
    url: str
    commit: str
    requirements: str
    requirements_sha256: str
    variants: tuple[str, ...]


def read_lock(path: Path) -> tuple[Pack, ...]:
    """Every entry, checked but for what may be unresolved still.

    Raises:
        LockError: the file is no lock.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("pack", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LockError(f"{path} cannot be read: {error}") from None
    packs = tuple(_pack(entry) for entry in entries)
    names = [pack.name.lower() for pack in packs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LockError(f"named twice: {', '.join(twice)}")
    return packs


def _pack(entry: dict[str, Any]) -> Pack:
    try:
        pack = Pack(
            name=entry["name"],
            url=entry["url"],
            commit=entry["commit"],
            requirements=entry.get("requirements", ""),
            requirements_sha256=entry.get("requirements_sha256", ""),
            variants=tuple(entry["variants"]),
        )
    except KeyError as error:
        raise LockError(f"a pack without {error}: {entry}") from None
    if not _NAME.fullmatch(pack.name):
        raise LockError(f"{pack.name!r} cannot be the name of a folder")
    if "/" in pack.requirements or pack.requirements.startswith("."):
        raise LockError(f"{pack.name}: requirements must be a file beside the pack's code")
    if not set(pack.variants) <= set(VARIANTS):
        raise LockError(f"{pack.name}: variants are {', '.join(VARIANTS)}")
    return pack


def chosen(packs: tuple[Pack, ...], variant: str) -> tuple[Pack, ...]:
    """The packs of one variant, every one resolved.

    Raises:
        LockError: the variant does not exist, or entries of it are unresolved.
    """
    if variant not in VARIANTS:
        raise LockError(f"there is no variant {variant!r}, but {', '.join(VARIANTS)}")
    wanted = tuple(pack for pack in packs if variant in pack.variants)
    unresolved = [
        pack.name
        for pack in wanted
        if not _COMMIT.fullmatch(pack.commit)
        or (pack.requirements and not _SHA256.fullmatch(pack.requirements_sha256))
    ]
    if unresolved:
        raise LockError(f"unresolved, run scripts/lock-image: {', '.join(unresolved)}")
    return wanted


def install(pack: Pack, folder: Path) -> None:
    """Fetch one pack into ``folder/<name>``.

    Raises:
        LockError: it cannot be fetched, or is not what the lock says.
    """
    target = folder / pack.name
    _git("init", "--quiet", str(target), cwd=folder)
    _git("fetch", "--quiet", "--depth", "1", pack.url, pack.commit, cwd=target)
    _git("checkout", "--quiet", "--detach", pack.commit, cwd=target)
    if (target / ".gitmodules").is_file():
        # Their commits are part of the pack's own, so they are as fixed as it is.
        _git("submodule", "--quiet", "update", "--init", "--depth", "1", cwd=target)
    if pack.requirements:
        check_requirements(pack, target / pack.requirements)
    for path in (*target.rglob(".git"), target / ".github"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_requirements(pack: Pack, path: Path) -> None:
    """Compare the hash.

    Raises:
        LockError: the file is missing or another one.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise LockError(f"{pack.name}: there is no {pack.requirements}") from None
    if found != pack.requirements_sha256:
        raise LockError(f"{pack.name}: {pack.requirements} has the hash {found}, not the lock's")


def _git(*arguments: str, cwd: Path) -> None:
    # No templates (hooks) and no prompts.
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_TEMPLATE_DIR": ""}
    command = ("git", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
    try:
        done = subprocess.run(
            (*command, *arguments),
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LockError(f"git {arguments[0]} took longer than {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise LockError(f"git {arguments[0]}: {done.stderr.strip()[-500:]}")


def main(arguments: list[str]) -> int:
    """Exit status 0 when every pack is in place."""
    if len(arguments) != 3:
        print("usage: install_nodes.py LOCK VARIANT FOLDER", file=sys.stderr)
        return 2
    lock, variant, folder = Path(arguments[0]), arguments[1], Path(arguments[2])
    try:
        for pack in chosen(read_lock(lock), variant):
            print(f"{pack.name} {pack.commit}", flush=True)
            install(pack, folder)
    except LockError as error:
        print(f"install_nodes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
