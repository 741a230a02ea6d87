"""The Python packages of a node pack: judged against what is there, then put beside its code.

pip is asked first what it would install into ComfyUI's environment while every package that is in
there, or came with another pack, keeps its version. What it answers, and nothing else, is then
installed into a folder of the pack's own, file by file with the hashes that pip saw.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from boot.packs import Package

_CHECK_S: Final = 900
_INSTALL_S: Final = 3600
_FREEZE: Final = (
    "import json, importlib.metadata as m; "
    "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_CAUSED: Final = "The conflict is caused by:"
_ASKED: Final = re.compile(r"The user requested (?!\(constraint\))(.*)")
_KEPT: Final = re.compile(r"The user requested \(constraint\) (\S+?)===?(\S+)")


class RequirementsFailed(RuntimeError):
    """The packages cannot be had.

    Attributes:
        code: ``conflict``, ``unresolved``, ``install_failed`` or ``no_pip``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Chosen:
    """What pip would install: the packages, and for each the exact file."""

    packages: tuple[Package, ...]
    lines: tuple[str, ...]


class Resolver:
    """Asks pip on behalf of ComfyUI's Python.

    Args:
        python: the one that runs ComfyUI.
        work: a folder for files that pip reads and writes.
        others: for packages of other packs, by name: whose, and which version.
    """

    def __init__(
        self,
        *,
        python: str,
        work: Path,
        environ: Mapping[str, str],
        others: Mapping[str, tuple[str, str]],
    ) -> None:
        self._python = python
        self._work = work
        # The packages of packs are no part of ComfyUI's own environment.
        self._environ = {n: v for n, v in environ.items() if n != "PYTHONPATH"}
        self._others = others
        self._own: dict[str, str] = {}

    def choose(self, requirements: Path) -> tuple[Chosen, list[str]]:
        """What has to be installed so that all of ``requirements`` is there.

        Returns:
            It, and what the pack's owner should know.

        Raises:
            RequirementsFailed: nothing fits; the message says what stands against what.
        """
        wanted, notes = _read_requirements(requirements)
        if not wanted:
            return Chosen((), ()), notes
        self._own = self._installed()
        fixed = {name: version for name, (_, version) in self._others.items()} | self._own
        asked = self._write("requirements.txt", wanted)
        kept = self._write(
            "constraints.txt",
            [
                f"{n}=={v}"
                for n, v in fixed.items()
                if _PLAIN.fullmatch(n) and _VERSION.fullmatch(v)
            ],
        )
        report = self._work / "pip.json"
        done = self._pip(
            *("install", "--dry-run", "--report", str(report)),
            *("--prefer-binary", "--constraint", str(kept), "--requirement", str(asked)),
            timeout_s=_CHECK_S,
        )
        if done.returncode:
            # What stands against what is no error to pip, but the explanation of one.
            raise self._refusal(done.stdout, done.stderr)
        listed = json.loads(report.read_text(encoding="utf-8"))["install"]
        return self._chosen(listed), notes

    def install(self, chosen: Chosen, target: Path) -> None:
        """Put what was chosen into the new folder ``target``.

        Raises:
            RequirementsFailed: a file is gone or differs, or cannot be built.
        """
        if not chosen.lines:
            return
        exact = self._write("exact.txt", chosen.lines)
        done = self._pip(
            *("install", "--quiet", "--no-deps", "--target", str(target)),
            *("--requirement", str(exact)),
            timeout_s=_INSTALL_S,
        )
        if done.returncode:
            raise RequirementsFailed("install_failed", _errors(done.stderr))

    def _chosen(self, listed: list[dict[str, Any]]) -> Chosen:
        packages, lines = [], []
        for each in listed:
            name, version = each["metadata"]["name"], each["metadata"]["version"]
            own = self._own.get(_canonical(name))
            if own is not None:
                raise RequirementsFailed(
                    "conflict",
                    f"The pack would replace {name} {own}, which ComfyUI has, by {version}.",
                )
            packages.append(Package(name, version))
            lines.append(f"{name} @ {_exact_url(each['download_info'])}")
        return Chosen(tuple(packages), tuple(lines))

    def _installed(self) -> dict[str, str]:
        done = self._run((self._python, "-c", _FREEZE), timeout_s=120)
        if done.returncode:
            raise RequirementsFailed("unresolved", "ComfyUI's Python does not say what it has.")
        return {_canonical(name): version for name, version in json.loads(done.stdout) if name}

    def _refusal(self, said: str, errors: str) -> RequirementsFailed:
        if _CAUSED not in said:
            return RequirementsFailed("unresolved", _errors(errors))
        block = said.partition(_CAUSED)[2].strip().split("\n\n")[0]
        lines = [self._in_words(line.strip()) for line in block.splitlines() if line.strip()]
        return RequirementsFailed(
            "conflict", f"What the pack needs does not fit: {'; '.join(lines)}."[:2000]
        )

    def _in_words(self, line: str) -> str:
        if kept := _KEPT.fullmatch(line):
            name, version = kept[1], kept[2]
            if _canonical(name) in self._own or _canonical(name) not in self._others:
                return f"ComfyUI has {name} {version}"
            return f"the pack {self._others[_canonical(name)][0]} has {name} {version}"
        asked = _ASKED.fullmatch(line)
        return f"the pack asks for {asked[1]}" if asked else line

    def _pip(self, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        if find_spec("pip") is None:
            raise RequirementsFailed("no_pip", "Studio's Python has no pip to install them with.")
        command = (sys.executable, "-m", "pip", "--python", self._python)
        options = ("--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-color")
        return self._run((*command, *options, *arguments), timeout_s=timeout_s)

    def _run(
        self, command: tuple[str, ...], *, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                command,
                cwd=self._work,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RequirementsFailed("install_failed", "Its packages took too long.") from None
        except OSError as error:
            raise RequirementsFailed(
                "unresolved", f"ComfyUI's Python cannot be run: {error.strerror}."
            ) from None
        sys.stderr.write(done.stderr)
        return done

    def _write(self, name: str, lines: list[str] | tuple[str, ...]) -> Path:
        path = self._work / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path


def _read_requirements(file: Path) -> tuple[list[str], list[str]]:
    """Its lines without those that would change how pip works, and what is to be said of them."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return [], []
    lines = [line.strip() for line in text.splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "-"))]
    options = [line for line in lines if line.startswith("-")]
    return wanted, [f"Left out of its requirements: {line[:200]}" for line in options[:5]]


def _exact_url(info: dict[str, Any]) -> str:
    """The very file, or commit, that pip looked at."""
    url = str(info["url"])
    if vcs := info.get("vcs_info"):
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    hashes = (info.get("archive_info") or {}).get("hashes") or {}
    sha256 = hashes.get("sha256")
    return f"{url.partition('#')[0]}#sha256={sha256}" if sha256 else url


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _errors(said: str) -> str:
    errors = [
        line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR")
    ]
    return "Its packages cannot be had: " + ("; ".join(errors[-3:]) or said.strip()[-500:])[:1500]
