"""The command line as a person runs it: real processes over a folder of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from studio.cli.sockets import is_listening

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def wait_for(question: Callable[[], T | None], *, timeout_s: float = 30.0) -> T:
    """The first answer that is neither None, False nor empty."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"it did not happen within {timeout_s} s")


@dataclass
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def files(self) -> list[Path]:
        """The paths that were printed, one to a line."""
        return [Path(line) for line in self.out.splitlines()]


@dataclass
class Place:
    """One STUDIO_DIR and everything that is run over it."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def studio_dir(self) -> Path:
        return self.folder / "studio"

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    @property
    def environ(self) -> dict[str, str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("STUDIO_", "COMFYUI_")) and name not in ("API_KEY", "MODEL_DIR")
        }
        return {
            **clean,
            "STUDIO_DIR": str(self.studio_dir),
            "STUDIO_RUN_DIR": str(self.run_dir),
            "STUDIO_ENGINE": "embedded",
            "STUDIO_PORT": "0",
            "COMFYUI_PORT": "0",
            "PYTHONPATH": str(ROOT),
            **self.more,
        }

    def start(
        self, *arguments: str, program: tuple[str, ...] = (), own_group: bool = False
    ) -> subprocess.Popen[str]:
        """A command that runs in ``folder``; the caller ends it."""
        return subprocess.Popen(
            (*(program or (sys.executable, "-P", "-m", "studio")), *arguments),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=own_group,
        )

    def run(self, *arguments: str, program: tuple[str, ...] = ()) -> Ended:
        """A command from start to end."""
        return finish(self.start(*arguments, program=program))

    def graph(self, name: str, graph: dict[str, Any]) -> str:
        """A workflow file in ``folder``."""
        (self.folder / name).write_text(json.dumps(graph))
        return name

    def ask(self, path: str) -> dict[str, Any]:
        """An answer of the Studio that runs here."""
        transport = httpx.HTTPTransport(uds=str(self.run_dir / "control.sock"))
        with httpx.Client(transport=transport, base_url="http://studio.local") as client:
            answer: dict[str, Any] = client.get(path).json()
            return answer

    def is_up(self) -> bool:
        """Whether a Studio listens here."""
        return is_listening(self.run_dir / "control.sock")

    def jobs(self, status: str) -> list[dict[str, Any]]:
        """The jobs in that status; empty while no Studio answers."""
        if not self.is_up():
            return []
        found: list[dict[str, Any]] = self.ask(f"/api/jobs?status={status}")["jobs"]
        return found

    def processes(self) -> list[str]:
        """Living processes that were started over this folder, engines included."""
        mark = str(self.folder).encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if command and mark in command + (process / "environ").read_bytes():
                    found.append(f"{process.name} {command.decode(errors='replace')}")
        return found

    @contextlib.contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """A Studio that runs as it would for a person; its bootstrap."""
        with (self.folder / "serving.log").open("wb") as log:
            process = subprocess.Popen(
                (sys.executable, str(ROOT / "bootstrap.py")),
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_for(lambda: self.is_up() and self.ask("/ready")["ready"])
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def finish(process: subprocess.Popen[str], *, timeout_s: float = 60.0) -> Ended:
    """Wait for the end of a command."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end: {out}{err}") from None
    return Ended(process.returncode, out, err)


def plain_picture(color: int = 0xFF0000, **more: int) -> dict[str, Any]:
    """A graph that makes one picture of one colour."""
    inputs = {"width": 64, "height": 64, "batch_size": 1, "color": color, **more}
    return {
        "1": {"class_type": "EmptyImage", "inputs": inputs, "_meta": {"title": "Canvas"}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "plain"},
        },
    }


SLOW = ("a slow picture", "--steps", "10000", "--size", "1024x1024")
"""A prompt that takes longer than any test waits."""
