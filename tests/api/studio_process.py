"""A real Studio for the tests: bootstrap or Studio alone, in folders of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import CHECKPOINT
from tests.contract.harness import find_free_port, make_checkpoint

ROOT = Path(__file__).resolve().parents[2]
OWNER_KEY = "canary-owner-key-8f2d71"
_START_S = 120.0
_STOP_S = 15.0


@dataclass(frozen=True)
class RunningStudio:
    """One Studio that answers. ``folder`` is its STUDIO_DIR, ``log`` what its processes wrote."""

    url: str
    folder: Path
    run_dir: Path
    log: Path
    process: subprocess.Popen[bytes]

    def client(self, key: str | None = OWNER_KEY, **options: Any) -> httpx.Client:
        """A client that sends ``key`` with every request; ``None`` sends none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def async_client(self, key: str | None = OWNER_KEY, **options: Any) -> httpx.AsyncClient:
        """``client`` for tests that ask several things at once."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, **options)

    def console(self) -> httpx.Client:
        """The owner at the machine, through the control socket."""
        transport = httpx.HTTPTransport(uds=str(self.run_dir / "control.sock"))
        return httpx.Client(transport=transport, base_url="http://studio", timeout=30)

    def make_key(self, *scopes: str, **fields: Any) -> str:
        """A fresh API key with these scopes, made at the console."""
        with self.console() as console:
            answer = console.post(
                "/api/keys", json={"name": "made by a test", "scopes": list(scopes), **fields}
            )
            assert answer.status_code == 201, answer.text
            key: str = answer.json()["key"]
            return key

    def is_ready(self) -> bool:
        """Whether ``/ready`` says so."""
        return self._says_yes("/ready")

    def is_alive(self) -> bool:
        """Whether ``/health`` says so."""
        return self._says_yes("/health")

    def _says_yes(self, path: str) -> bool:
        try:
            return httpx.get(f"{self.url}{path}", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def comfyui_variables(folder: Path, cache: Path) -> dict[str, str]:
    """What makes a Studio in ``folder`` run the ComfyUI of COMFYUI_DIR, on the CPU.

    It has a checkpoint of random weights, under the name that the tests' graphs load; ``cache``
    keeps that file.
    """
    source = os.environ.get("COMFYUI_DIR")
    if not source:
        pytest.skip("COMFYUI_DIR names no ComfyUI")
    python = os.environ.get("COMFYUI_PYTHON") or "python3"
    models = folder / "models" / "checkpoints"
    models.mkdir(parents=True)
    (models / CHECKPOINT).symlink_to(make_checkpoint(python, cache / "random-sd15.safetensors"))
    return {
        "STUDIO_ENGINE": "comfyui",
        "COMFYUI_DIR": source,
        "COMFYUI_PYTHON": python,
        "COMFYUI_FLAGS": "--cpu --disable-all-custom-nodes --disable-api-nodes",
        "MODEL_DIR": str(models.parent),
    }


@contextlib.contextmanager
def run_studio(
    folder: Path,
    environ: Mapping[str, str] | None = None,
    *,
    engine: bool = True,
    serves: bool = True,
    python: str = sys.executable,
    user: int | None = None,
) -> Iterator[RunningStudio]:
    """Run a Studio in ``folder`` until the block ends.

    Args:
        environ: further variables.
        engine: with the embedded engine, under bootstrap; otherwise Studio alone, whose jobs wait.
        serves: wait until it takes requests; otherwise until it lives.
        python: runs it, when that of the tests is out of the reach of other users.
        user: whose process it is, when not the tests' own.
    """
    run_dir = Path(tempfile.mkdtemp(prefix="studio-"))
    if user is not None:
        os.chown(run_dir, user, user)
    port = find_free_port()
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "STUDIO_DIR": str(folder / "studio"),
        "STUDIO_RUN_DIR": str(run_dir),
        "STUDIO_PORT": str(port),
        "API_KEY": OWNER_KEY,
        **({"STUDIO_ENGINE": "embedded", "COMFYUI_PORT": "0"} if engine else {}),
        **(environ or {}),
    }
    command = [python, "bootstrap.py"] if engine else [python, "-m", "studio", "serve"]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    studio = RunningStudio(f"http://127.0.0.1:{port}", folder / "studio", run_dir, log, process)
    try:
        _await_start(studio, needs_engine=engine, serves=serves)
        yield studio
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(run_dir, ignore_errors=True)


def _await_start(studio: RunningStudio, *, needs_engine: bool, serves: bool) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and studio.process.poll() is None:
        if studio.is_ready():
            return
        if not needs_engine and (studio.run_dir / "control.sock").exists():
            return
        if not serves and studio.is_alive():
            return
        time.sleep(0.05)
    raise RuntimeError(f"Studio did not start:\n{studio.log.read_text(errors='replace')[-4000:]}")
