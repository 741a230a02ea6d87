"""Starts the engines that the contract suite drives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).parents[2]
CHECKPOINT_SCRIPT = Path(__file__).with_name("checkpoint.py")

_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Engine:
    """A running engine. ``home`` holds its folders input and output."""

    name: str
    url: str
    home: Path
    checkpoint: str

    @property
    def socket_url(self) -> str:
        """The address of the engine's WebSocket."""
        return f"ws{self.url.removeprefix('http')}/ws"


@contextlib.contextmanager
def run_embedded(home: Path, *flags: str) -> Iterator[Engine]:
    """Run the embedded engine with its folders in ``home``."""
    port = find_free_port()
    command = [
        *(sys.executable, "-m", "studio.embedded"),
        *("--port", str(port), "--base-directory", str(home), *flags),
    ]
    with _running(command, REPOSITORY, home, port):
        yield Engine("embedded", f"http://127.0.0.1:{port}", home, "embedded-demo.safetensors")


@contextlib.contextmanager
def run_comfyui(home: Path, source: Path, python: str, checkpoint: Path) -> Iterator[Engine]:
    """Run the ComfyUI in ``source`` on the CPU with its folders in ``home``."""
    port = find_free_port()
    models = home / "models" / "checkpoints"
    models.mkdir(parents=True)
    (home / "custom_nodes").mkdir()
    (models / checkpoint.name).symlink_to(checkpoint)
    command = [
        *(python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)),
        *("--base-directory", str(home), "--disable-all-custom-nodes", "--disable-api-nodes"),
    ]
    with _running(command, source, home, port):
        yield Engine("comfyui", f"http://127.0.0.1:{port}", home, checkpoint.name)


def make_checkpoint(python: str, path: Path) -> Path:
    """Make the checkpoint with random weights, once; ``python`` is ComfyUI's."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([python, str(CHECKPOINT_SCRIPT), str(path)], check=True)
    return path


def find_free_port() -> int:
    """Return a port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path, home: Path, port: int) -> Iterator[None]:
    log = home / "engine.log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(process, port, log)
        yield
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/system_stats", timeout=5).raise_for_status()
            return
        time.sleep(0.05)
    raise RuntimeError(f"The engine did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
