"""A Studio to be mistreated: inside the test, as a process, or as a family under bootstrap."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from studio.app import open_studio
from studio.clock import Clock
from studio.opened import Studio
from studio.services.pace import Pace
from studio.settings import EngineSetting, Settings
from studio.web.guard import Guard
from tests.contract.harness import find_free_port

ROOT: Final = Path(__file__).resolve().parents[2]
KEY: Final = "a-key-of-the-fault-tests"
ENDS: Final = ("succeeded", "failed", "canceled", "expired")
HASTY: Final = Pace(
    tick_s=0.05,
    quiet_s=0.1,
    lost_reply_s=0.5,
    reply_poll_s=0.05,
    refusal_pause_s=0.05,
    unresponsive_s=0.4,
    status_due_s=0.4,
    rest_s=0.3,
    grace_s=0.3,
    backoff_s=0.02,
)
_PATIENCE_S: Final = 30.0


async def until(question: Callable[[], object], what: str = "", *, within_s: float = 20.0) -> None:
    """Wait until ``question()`` is true."""
    deadline = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        await asyncio.sleep(0.01)


async def until_it(
    question: Callable[[], Awaitable[object]], what: str = "", *, within_s: float = _PATIENCE_S
) -> None:
    """Wait until the awaited answer is true."""
    deadline = time.monotonic() + within_s
    while not await question():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        await asyncio.sleep(0.02)


class Api:
    """Studio's HTTP API as one caller sees it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def submit(self, graph: object, **more: Any) -> str:
        """Submit by Studio's own route and return the job's id."""
        answer = await self.client.post("/api/jobs", json={"workflow": graph, **more})
        assert answer.status_code == 201, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    async def get(self, job_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def cancel(self, job_id: str) -> dict[str, Any]:
        answer = await self.client.post(f"/api/v2/jobs/{job_id}/cancel")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def wait(
        self, job_id: str, wanted: Sequence[str] = ENDS, *, within_s: float = _PATIENCE_S
    ) -> dict[str, Any]:
        """The job once its status is one of ``wanted``."""
        deadline = time.monotonic() + within_s
        while True:
            job = await self.get(job_id)
            if job["status"] in wanted:
                return job
            assert time.monotonic() < deadline, f"{job['status']} is not {wanted}: {job}"
            await asyncio.sleep(0.02)

    async def wait_all(self, job_ids: Iterable[str], *, within_s: float = 60.0) -> list[Any]:
        return [await self.wait(job_id, within_s=within_s) for job_id in job_ids]

    async def engines(self) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/system/engines")
        engines: list[dict[str, Any]] = answer.json()["engines"]
        return engines

    async def wait_engine(self, state: str, index: int = 0) -> dict[str, Any]:
        """The engine's description once it is in ``state``."""

        async def says() -> bool:
            return bool((await self.engines())[index]["state"] == state)

        await until_it(says, f"the engine is {state}")
        return (await self.engines())[index]

    async def ready(self) -> httpx.Response:
        return await self.client.get("/ready")

    async def wait_ready(self, wanted: int = 200) -> None:
        async def says() -> bool:
            return (await self.ready()).status_code == wanted

        await until_it(says, f"/ready says {wanted}")

    async def content(self, output: dict[str, Any]) -> bytes:
        """The bytes of one output of a job."""
        answer = await self.client.get(f"/api/v2/assets/{output['id']}/content")
        assert answer.status_code == 200, answer.text
        return answer.content


def settings_for(
    folder: Path, urls: Sequence[str] = (), *, kind: str = "remote", hang_s: float = 300.0
) -> Settings:
    """Settings of a Studio in ``folder`` that drives these engines."""
    settings = Settings.from_env(
        {"STUDIO_DIR": str(folder / "studio"), "STUDIO_RUN_DIR": str(folder / "run")}
    )
    engines = tuple(
        EngineSetting(f"{kind}-{number}" if kind == "remote" else kind, kind, url)
        for number, url in enumerate(urls, 1)
    )
    return _replaced(settings, engines=engines, engine_hang_s=hang_s)


def _replaced(settings: Settings, **changes: Any) -> Settings:
    fields = {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
    return Settings(**{**fields, **changes})


def with_run_dir(settings: Settings, run_dir: Path) -> Settings:
    """The same settings beside a bootstrap that has its socket in ``run_dir``."""
    return _replaced(settings, run_dir=run_dir)


@contextlib.asynccontextmanager
async def studio_inside(
    settings: Settings, *, pace: Pace = HASTY, clock: Clock | None = None
) -> AsyncIterator[Api]:
    """A Studio in this process; the caller is the owner."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    async with (
        open_studio(settings, clock, pace) as studio,
        _caller(studio, settings) as client,
    ):
        yield Api(client)


def _caller(studio: Studio, settings: Settings) -> httpx.AsyncClient:
    guard = Guard(
        studio.app,
        auth=studio.accounts.auth,
        links=studio.links,
        max_body_bytes=settings.max_body_bytes,
        console=True,
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(guard), base_url="http://studio", timeout=30
    )


@dataclass
class Process:
    """``python -m studio serve``, or ``bootstrap.py``, in folders that outlive it."""

    folder: Path
    run_dir: Path
    environ: dict[str, str]
    command: list[str]
    port: int
    child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def studio_dir(self) -> Path:
        return Path(self.environ["STUDIO_DIR"])

    def output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    def start(self, *more: str, before: Callable[[], None] | None = None) -> None:
        """Start it; ``before`` runs in the child, to limit it."""
        with (self.folder / "output.log").open("ab") as output:
            self.child = subprocess.Popen(
                [*self.command, *more],
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=before,
            )

    def kill(self) -> None:
        """SIGKILL."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    def terminate(self, within_s: float = 15.0) -> int:
        """SIGTERM; the exit status."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(within_s)

    def end(self) -> None:
        """Leave nothing behind."""
        if self.child is not None and self.child.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()

    @contextlib.asynccontextmanager
    async def api(self, wanted: int = 200) -> AsyncIterator[Api]:
        """Its API, once it answers."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as client:
            api = Api(client)

            async def answers() -> bool:
                assert self.child is not None and self.child.poll() is None, self.output()[-3000:]
                try:
                    return (await api.ready()).status_code == wanted
                except httpx.TransportError:
                    return False

            await until_it(answers, f"/ready says {wanted}")
            yield api


@contextlib.contextmanager
def process(
    folder: Path, *engines: str, bootstrap: bool = False, **environ: str
) -> Iterator[Process]:
    """A Studio to start, kill and start again; nothing of it is left after the block."""
    run_dir = Path(tempfile.mkdtemp(prefix="studio-"))
    port = find_free_port()
    folder.mkdir(parents=True, exist_ok=True)
    made = Process(
        folder=folder,
        run_dir=run_dir,
        port=port,
        command=[sys.executable, *(("bootstrap.py",) if bootstrap else ("-m", "studio", "serve"))],
        environ={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "STUDIO_DIR": str(folder / "studio"),
            "STUDIO_RUN_DIR": str(run_dir),
            "STUDIO_PORT": str(port),
            "API_KEY": KEY,
            "STUDIO_ENGINE": ",".join(engines),
            **environ,
        },
    )
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(run_dir, ignore_errors=True)
