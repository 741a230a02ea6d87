"""A Studio under bootstrap with language models of its own, and what the tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai

from studio.clients.supervisor import BOOTSTRAP_SOCKET, ChildStatus, Supervisor
from tests.api.studio_process import OWNER_KEY, ROOT, RunningStudio, run_studio
from tests.fakes.gguf_files import write_model

MODELS = "/api/language/models"


@dataclass(frozen=True)
class LlamaHouse:
    """One Studio; ``models`` is its folder of language models."""

    studio: RunningStudio
    models: Path
    http: httpx.Client

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"{self.studio.url}/v1", api_key=OWNER_KEY, max_retries=0, timeout=60
        )

    def model(self, name: str) -> dict[str, Any]:
        """How one is now."""
        listed = self.http.get(MODELS).json()["models"]
        return next(model for model in listed if model["id"] == name)

    def post(self, name: str, deed: str, status: int) -> dict[str, Any]:
        answer = self.http.post(f"{MODELS}/{name}/{deed}")
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def confirm(self, *names: str) -> None:
        for name in names:
            self.post(name, "confirm", 200)

    def until(self, name: str, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """How one is once ``fits`` says so."""
        deadline = time.monotonic() + 60
        while not fits(found := self.model(name)):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def runs(self, name: str) -> dict[str, Any]:
        """How one is once it runs."""
        return self.until(name, lambda model: model["server"]["state"] == "running")

    def children(self) -> dict[str, ChildStatus]:
        """Bootstrap's children that are places of language models, and run."""
        supervisor = Supervisor(socket_path=self.studio.run_dir / BOOTSTRAP_SOCKET)
        found = asyncio.run(supervisor.status())
        return {
            name: child
            for name, child in found.items()
            if child.kind == "language" and child.state == "running"
        }

    def pids(self) -> set[int]:
        return {child.pid for child in self.children().values() if child.pid is not None}


def stub_python(folder: Path) -> str:
    """A Python that has the stub for its llama.cpp."""
    python = folder / "python"
    stub = ROOT / "tests" / "fakes" / "llama_stub.py"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stub}" "$@"\n')
    python.chmod(0o755)
    return str(python)


@contextlib.contextmanager
def llama_house(
    folder: Path, *names: str, python: str | None = None, context: int = 256
) -> Iterator[LlamaHouse]:
    """Run it with a model for each of ``names``; one of ``vectors...`` makes vectors.

    Args:
        python: has llama.cpp; by default the stub.
        context: what the models say that they were made for.
    """
    folder.mkdir(exist_ok=True)
    models = folder / "llm"
    for seed, name in enumerate(names):
        vectors = name.startswith("vectors")
        write_model(models / f"{name}.gguf", seed=seed, context=context, vectors=vectors)
    variables = {"LLM_DIR": str(models), "LLAMA_PYTHON": python or stub_python(folder)}
    with run_studio(folder, variables) as studio, studio.client() as http:
        house = LlamaHouse(studio, models, http)
        deadline = time.monotonic() + 60
        while len(http.get(MODELS).json()["models"]) < len(names):
            assert time.monotonic() < deadline, "the models are not listed"
            time.sleep(0.05)
        yield house


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def ended(pids: set[int]) -> bool:
    """Whether all of them end within some seconds."""
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
