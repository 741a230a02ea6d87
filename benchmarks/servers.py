"""A Studio with its engine, started for one measurement in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.processes import end
from studio.clients.supervisor import ChildStatus, Supervisor

ROOT: Final = Path(__file__).resolve().parents[1]
KEY: Final = "bench-key-of-the-owner"
_START_S: Final = 180.0
_POLL_S: Final = 0.005


@dataclass(frozen=True)
class RunningStudio:
    """Bootstrap, Studio and one engine.

    ``folder`` is the STUDIO_DIR; the engine writes under ``engine_dir``.
    """

    url: str
    folder: Path
    run_dir: Path
    process: subprocess.Popen[bytes]
    engine_name: str
    engine_url: str

    @property
    def pid(self) -> int:
        """Of Studio's own process."""
        pid = self._children()["studio"].pid
        assert pid is not None
        return pid

    @property
    def engine_pid(self) -> int:
        pid = self._children()[self.engine_name].pid
        assert pid is not None
        return pid

    @property
    def output_dir(self) -> Path:
        """Where the engine saves."""
        return self.folder / "engine" / "output"

    def client(self) -> httpx.Client:
        """A client with the owner's key."""
        return httpx.Client(base_url=self.url, headers=authorization(KEY), timeout=60)

    def engine_version(self) -> str:
        """What the engine calls itself."""
        system = httpx.get(f"{self.engine_url}/system_stats", timeout=10).json()["system"]
        name = "ComfyUI" if self.engine_name == "comfyui" else "embedded engine"
        return f"{name} {system.get('comfyui_version', '')}".strip()

    def restart(self) -> float:
        """End Studio alone, start it again; seconds from that start until ``/ready``."""
        supervisor = Supervisor(socket_path=self.run_dir / "bootstrap.sock")
        asyncio.run(supervisor.stop("studio"))
        started = time.perf_counter()
        asyncio.run(supervisor.start("studio"))
        await_ready(self.url, self.process)
        return time.perf_counter() - started

    def _children(self) -> dict[str, ChildStatus]:
        supervisor = Supervisor(socket_path=self.run_dir / "bootstrap.sock")
        return asyncio.run(supervisor.status())


@contextlib.contextmanager
def run_studio(folder: Path, **environ: str) -> Iterator[RunningStudio]:
    """Run a Studio until the block ends, with real ComfyUI when ``COMFYUI_DIR`` names one.

    Args:
        folder: the STUDIO_DIR; it may hold a database already.
        environ: further variables.

    Raises:
        RuntimeError: it did not become ready; the message ends with its last words.
    """
    comfyui = {name: value for name, value in os.environ.items() if name.startswith("COMFYUI_")}
    engine = "comfyui" if comfyui.get("COMFYUI_DIR") else "embedded"
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="studio-bench-"))
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        **comfyui,
        "COMFYUI_PORT": "0",
        "STUDIO_DIR": str(folder),
        "STUDIO_RUN_DIR": str(run_dir),
        "STUDIO_PORT": str(port),
        "STUDIO_ENGINE": engine,
        "API_KEY": KEY,
        **environ,
    }
    log = folder / "output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "bootstrap.py"],
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        try:
            await_ready(url, process)
        except RuntimeError as error:
            words = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise RuntimeError(f"{error}\n{words}") from error
        supervisor = Supervisor(socket_path=run_dir / "bootstrap.sock")
        engine_url = asyncio.run(supervisor.status())[engine].url
        assert engine_url is not None
        yield RunningStudio(url, folder, run_dir, process, engine, engine_url)
    finally:
        end(process)
        shutil.rmtree(run_dir, ignore_errors=True)


def await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until ``/ready`` says 200, asking every 5 ms.

    Raises:
        RuntimeError: the process ended, or three minutes passed.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if _status(url, "/ready") == 200:
            return
        if process.poll() is not None:
            raise RuntimeError(f"It ended with status {process.returncode} instead of starting.")
        time.sleep(_POLL_S)
    raise RuntimeError(f"It was not ready within {_START_S:.0f} s.")


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers anything at all.

    Raises:
        RuntimeError: the process ended, or three minutes passed.
    """
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _status(url, "/") is not None:
            return
        time.sleep(0.05)
    raise RuntimeError("The server did not start.")


def authorization(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _status(url: str, path: str) -> int | None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
