"""A running container of the image, through the ``docker`` that is on the path."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

_T = TypeVar("_T")

KEY = "container-test-key-0123456789"
STUDIO_UID = 10001
ENGINE_UID = 10002
PATIENCE_S = 600
"""How long anything may take on a busy machine; a test never measures time by it."""

RED = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 16711680},
    },
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "red"}},
}


ASK = """
import json, os, sys, urllib.request
method, path, body = sys.argv[1:]
request = urllib.request.Request(
    f"http://127.0.0.1:{os.environ['STUDIO_PORT']}{path}", method=method,
    data=body.encode() or None,
    headers={"X-API-Key": os.environ["API_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=30) as answer:
    sys.stdout.write(answer.read().decode("latin-1"))
"""
"""One request from within the container, for one that cannot be reached from without."""


def slow_graph(seed: int) -> dict[str, Any]:
    """About a second of a processor's work, no two of them the same."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 1024, "height": 1024, "batch_size": 1, "color": seed},
        },
        "2": {
            "class_type": "ImageBlur",
            "inputs": {"image": ["1", 0], "blur_radius": 31, "sigma": 5.0},
        },
        "3": {
            "class_type": "ImageScale",
            "inputs": {
                "image": ["2", 0],
                "upscale_method": "bicubic",
                "width": 64,
                "height": 64,
                "crop": "disabled",
            },
        },
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "slow"}},
    }


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(("docker", *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"docker {arguments}: {done.stderr}"
    return done.stdout.strip()


def eventually(what: Callable[[], _T | None], said: str) -> _T:
    """What a question answers once it answers anything."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if (answer := what()) is not None:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"not within {PATIENCE_S} s: {said}")


def free_ports(count: int) -> list[int]:
    with_sockets = [socket.socket() for _ in range(count)]
    try:
        for each in with_sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in with_sockets]
    finally:
        for each in with_sockets:
            each.close()


@dataclass
class Container:
    """``docker run`` with a volume; the host's network, so that it needs no bridge."""

    image: str
    volume: Path
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str = "host"

    def __post_init__(self) -> None:
        self.name = f"studio-test-{uuid4().hex[:12]}"
        port, editor = free_ports(2)
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}, timeout=60
        )
        environment = {
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": str(port),
            "STUDIO_COMFY_PORT": str(editor),
            "COMFYUI_PORT": "0",
            "COMFYUI_FLAGS": "--cpu",
            "API_KEY": KEY,
            **self.environment,
        }
        docker(
            *("run", "--detach", "--name", self.name, "--network", self.network),
            *("--volume", f"{self.volume}:/workspace", *self.options),
            *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
            self.image,
        )

    def remove(self) -> None:
        self.client.close()
        docker("rm", "--force", "--volumes", self.name, check=False)

    def start(self) -> None:
        docker("start", self.name)

    def stop(self) -> int:
        """As ``docker stop`` does: SIGKILL, and so a status of 137, after ten seconds."""
        docker("stop", "--time", "10", self.name)
        return self.exit_code()

    def exit_code(self) -> int:
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.name))

    def is_running(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def log(self) -> str:
        done = subprocess.run(("docker", "logs", self.name), capture_output=True, text=True)
        return done.stdout + done.stderr

    def run_inside(self, *command: str, user: str = "0", check: bool = True) -> str:
        return docker("exec", "--user", user, self.name, *command, check=check)

    def ask_inside(self, method: str, path: str, body: object = None) -> str | None:
        """The answer as Latin-1, None without one or when it is a refusal."""
        assert self.is_running(), self.log()[-3000:]
        words = (method, path, "" if body is None else json.dumps(body))
        done = subprocess.run(
            ("docker", "exec", self.name, "/opt/venv/studio/bin/python", "-I", "-c", ASK, *words),
            capture_output=True,
            check=False,
        )
        return done.stdout.decode() if done.returncode == 0 else None

    def processes(self) -> list[Process]:
        lines = docker("top", self.name, "-eo", "pid,uid,stat,args").splitlines()[1:]
        rows = (line.split(None, 3) for line in lines)
        return [
            Process(int(pid), int(uid), args)
            for pid, uid, state, args in rows
            if not state.startswith("Z")
        ]

    def process(self, words: str) -> Process:
        """The only one whose command line has these words."""

        def find() -> Process | None:
            return next((each for each in self.processes() if words in each.command), None)

        return eventually(find, f"a process {words!r} in\n{self.log()[-3000:]}")

    def health(self) -> str:
        return docker("inspect", "--format", "{{.State.Health.Status}}", self.name)

    def get(self, path: str) -> httpx.Response | None:
        try:
            return self.client.get(path)
        except httpx.TransportError:
            return None

    def wait_for_login_page(self) -> None:
        def answers() -> bool | None:
            assert self.is_running(), self.log()[-3000:]
            answer = self.get("/")
            return True if answer is not None and answer.status_code == 200 else None

        eventually(answers, f"the page in\n{self.log()[-3000:]}")

    def wait_until_ready(self) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            assert self.is_running(), self.log()[-3000:]
            answer = self.get("/ready")
            return answer.json() if answer is not None and answer.status_code == 200 else None

        return eventually(ready, f"/ready in\n{self.log()[-3000:]}")

    def submit(self, graph: Mapping[str, Any]) -> str:
        answer = self.client.post("/api/v2/jobs", json={"workflow": graph})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        def ask() -> dict[str, Any] | None:
            answer = self.get(f"/api/v2/jobs/{job_id}")
            return answer.json() if answer is not None and answer.status_code == 200 else None

        return eventually(ask, f"job {job_id}")

    def wait_for_status(self, job_id: str, *statuses: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in statuses else None

        return eventually(reached, f"{statuses} of {self.job(job_id)}")

    def make_red_picture(self) -> bytes:
        """One job from the request to the bytes of its picture."""
        job = self.wait_for_status(self.submit(RED), "succeeded", "failed")
        assert job["status"] == "succeeded", json.dumps(job)
        answer = self.client.get(job["outputs"][0]["url"])
        assert answer.status_code == 200
        return answer.content


@dataclass(frozen=True)
class Process:
    """One process as the host sees it."""

    pid: int
    uid: int
    command: str

    def is_alive(self) -> bool:
        """It is there still, and is itself: numbers are given out again."""
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return False
        return command.strip() == self.command.strip()

    def kill(self) -> None:
        os.kill(self.pid, 9)

    def environment(self) -> dict[str, str]:
        variables = Path(f"/proc/{self.pid}/environ").read_text().split("\0")
        return dict(each.split("=", 1) for each in variables if "=" in each)


@contextmanager
def running(
    image: str,
    volume: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    network: str = "host",
) -> Iterator[Container]:
    container = Container(image, volume, options, environment or {}, network)
    try:
        yield container
    finally:
        container.remove()
