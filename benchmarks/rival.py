"""comfy-api-proxy from PyPI: the other server of Comfy API v2 in front of an engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import end
from benchmarks.report import say
from benchmarks.servers import await_answer, free_port

PACKAGE: Final = "comfy-api-proxy"
TOKEN: Final = "bench-token-of-the-rival"  # noqa: S105


@dataclass(frozen=True)
class Installed:
    """Its command, and its version."""

    command: Path
    version: str


@dataclass(frozen=True)
class RunningRival:
    """The server in front of an engine."""

    url: str
    pid: int


def install() -> Installed | None:
    """Install it into an environment of its own under the user's cache, once.

    Returns:
        ``None`` when it cannot be installed; why was said then.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    venv = cache / "studio-bench" / PACKAGE
    command = venv / "bin" / PACKAGE
    if not command.exists():
        say(f"Installing {PACKAGE} from PyPI into {venv}")
        steps = (
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [str(venv / "bin" / "pip"), "install", "-q", "--no-input", PACKAGE],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                words = done.stderr.strip().splitlines()
                say(f"{PACKAGE} cannot be installed, so its column is left out.")
                say("\n".join(words[-3:]))
                return None
    ask = f"import importlib.metadata as m; print(m.version({PACKAGE!r}))"
    told = subprocess.run(
        [str(venv / "bin" / "python"), "-c", ask], capture_output=True, text=True, check=True
    )
    return Installed(command, told.stdout.strip())


@contextlib.contextmanager
def run_rival(installed: Installed, engine_url: str, folder: Path) -> Iterator[RunningRival]:
    """Run it in front of ``engine_url`` until the block ends.

    Args:
        folder: takes what it prints.
    """
    port = free_port()
    address = ["--comfyui", engine_url, "--port", str(port), "--token", TOKEN]
    with (folder / "rival.log").open("wb") as output:
        process = subprocess.Popen(
            [str(installed.command), "run", *address],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        await_answer(url, process)
        yield RunningRival(url, process.pid)
    finally:
        end(process)
