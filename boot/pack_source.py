"""The code of a node pack: one commit of a repository, and nothing else of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from boot.packs import is_commit

_FETCH_S: Final = 900
_MODULES: Final = ".gitmodules"
_INSTALLER: Final = "install.py"
# No hook, no filter, no submodule, no other protocol and no other host: a repository is data here.
_RULES: Final = (
    "core.hooksPath=/dev/null", "core.symlinks=false", "core.fsmonitor=false",
    "protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always",
    "http.followRedirects=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60",
    "submodule.recurse=false", "credential.helper=", "gc.auto=0",
)  # fmt: skip


class SourceFailed(RuntimeError):
    """The code could not be had.

    Attributes:
        code: ``no_git``, ``fetch_failed`` or ``not_a_pack``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fetch_pack(url: str, ref: str, into: Path, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Put the files of one commit into the new folder ``into``.

    Returns:
        The commit, and what its owner should know.

    Raises:
        SourceFailed: why not.
    """
    into.mkdir()
    _git(into, environ, "init", "--quiet", "--template=")
    _git(
        into,
        environ,
        *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"),
        *("--", url, ref or "HEAD"),
    )
    # Of a tag the commit that it names; of a commit itself, which must be the one asked for.
    commit = _git(into, environ, "rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
    if is_commit(ref) and commit != ref:
        raise SourceFailed("fetch_failed", "The repository gave another commit than was asked for.")
    _git(into, environ, "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(into / ".git")
    # A pack of that name would take the place of our record.
    if (into / ".pack").exists():
        raise SourceFailed("not_a_pack", "The repository has a folder .pack, which Studio needs.")
    if not (into / "__init__.py").is_file():
        raise SourceFailed("not_a_pack", "That is no node pack: it has no __init__.py at its top.")
    notes = []
    if (into / _MODULES).exists():
        notes.append("Its submodules were not fetched.")
    if (into / _INSTALLER).exists():
        notes.append("Its install.py was not run.")
    return commit, notes


def _git(folder: Path, environ: Mapping[str, str], *arguments: str) -> str:
    rules = [word for rule in _RULES for word in ("-c", rule)]
    clean = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    clean |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ("git", *rules, *arguments),  # noqa: S607
            cwd=folder,
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_S,
            check=False,
        )
    except FileNotFoundError:
        raise SourceFailed("no_git", "There is no git on this machine.") from None
    except subprocess.TimeoutExpired:
        raise SourceFailed("fetch_failed", "The repository took too long.") from None
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        why = said[-1].removeprefix("fatal: ") if said else f"git ended with {done.returncode}"
        raise SourceFailed("fetch_failed", f"The repository cannot be fetched: {why[:500]}")
    return done.stdout
