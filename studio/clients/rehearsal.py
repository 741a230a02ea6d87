"""A release run for a moment, apart from everything: its own process, folders, port and engine.

What it is asked is what people need of it: its health, its page, and one job from the graph to the
picture. It gets none of Studio's secrets, and nothing of it outlives Studio.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from boot.linux import die_with_parent
from studio.errors import UpdateRefused
from studio.tls import trusts_nobody

CONTROL_SOCKET: Final = "control.sock"
GRAPH: Final[dict[str, Any]] = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 8_421_504},
    },
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "trial"}},
}
_PASSED: Final = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
_LOOK_S: Final = 0.1
_END_S: Final = 8.0
_LOG_BYTES: Final = 64 * 1024
_LINES: Final = 3
_SCHEMA: Final = (
    "import studio.server, studio.embedded.server\n"
    "from studio.store.migrations import MIGRATIONS\n"
    "print(len(MIGRATIONS))"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rehearsal happens.

    Args:
        release: the folder of the application that is tried.
        app_dir: the folder whose ``boot`` it uses, as it will under bootstrap.
        scratch: an empty folder for all that it writes; removed at the end.
        run_dir: an empty folder for its sockets, with a short name; removed too.
    """

    release: Path
    app_dir: Path
    scratch: Path
    run_dir: Path

    @property
    def studio_dir(self) -> Path:
        """Its ``STUDIO_DIR``; a database that is put there before is what it works with."""
        return self.scratch / "studio"


async def read_schema(place: Place, *, timeout_s: float) -> int:
    """Import the release and return the number of its schema.

    Raises:
        UpdateRefused: it cannot be imported; its own last words say why.
    """
    with _folders(place):
        async with _running(place, "import", "-c", _SCHEMA) as child:
            try:
                async with asyncio.timeout(timeout_s):
                    await child.process.wait()
            except TimeoutError:
                raise _failed("import", f"It did not end within {timeout_s:.0f} s.") from None
            words = child.log.read_text(errors="replace").split()
            if child.process.returncode != 0 or not words or not words[-1].isdigit():
                raise _failed("import", child.last_words())
            return int(words[-1])


async def rehearse(
    place: Place, *, timeout_s: float, judge: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Start the release with an engine of its own, look at it, and have it make a picture.

    Args:
        judge: called once all has ended well, while what the release wrote is still there.

    Raises:
        UpdateRefused: something of that does not work; the message says what.
    """
    with _folders(place):
        port, engine_port = _free_port(), _free_port()
        engine_dir = place.scratch / "engine"
        engine_dir.mkdir()
        engine = ("-m", "studio.embedded", "--port", str(engine_port))
        more = ("--base-directory", str(engine_dir))
        url = f"http://127.0.0.1:{engine_port}"
        variables = {
            "STUDIO_PORT": str(port),
            "STUDIO_ENGINES": json.dumps([{"name": "embedded", "kind": "remote", "url": url}]),
        }
        async with (
            _running(place, "engine", *engine, *more),
            _running(place, "start", "-m", "studio", "serve", environ=variables) as studio,
        ):
            try:
                async with asyncio.timeout(timeout_s):
                    await _look(place, studio, f"http://127.0.0.1:{port}")
            except TimeoutError:
                text = f"It was not done within {timeout_s:.0f} s. {studio.last_words()}"
                raise _failed(studio.step, text) from None
            await studio.end()
            if studio.process.returncode != 0:
                raise _failed("stop", f"It did not end well. {studio.last_words()}")
        if judge is not None:
            await judge()


async def look_at_page(url: str, *, timeout_s: float = 10.0) -> str:
    """What of ``/health`` and the page does not work; empty when both do."""
    try:
        async with httpx.AsyncClient(
            base_url=url, timeout=timeout_s, trust_env=False, verify=trusts_nobody()
        ) as http:
            health = await http.get("/health")
            if health.status_code != HTTPStatus.OK:
                return f"/health answers {health.status_code}."
            page = await http.get("/", headers={"Accept": "text/html"})
            scripts = re.findall(r'<script[^>]* src="(/static/[^"]+)"', page.text)
            if page.status_code != HTTPStatus.OK or not scripts:
                return f"The login page answers {page.status_code}, or has no script."
            for address in scripts:
                script = await http.get(address)
                if script.status_code != HTTPStatus.OK or not script.content:
                    return f"A script of the login page answers {script.status_code}."
    except httpx.HTTPError as error:
        return f"Studio does not answer: {type(error).__name__}."
    return ""


async def _look(place: Place, studio: _Child, url: str) -> None:
    socket_path = place.run_dir / CONTROL_SOCKET
    studio.step = "start"
    while not socket_path.exists():
        studio.check()
        await asyncio.sleep(_LOOK_S)
    studio.step = "page"
    if wrong := await look_at_page(url):
        raise _failed("page", wrong)
    transport = httpx.AsyncHTTPTransport(uds=str(socket_path), verify=trusts_nobody())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://studio.local", timeout=30
    ) as http:
        try:
            studio.step = "ready"
            while (await http.get("/ready")).status_code != HTTPStatus.OK:
                studio.check()
                await asyncio.sleep(_LOOK_S)
            studio.step = "job"
            await _make_picture(http, studio)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise _failed(studio.step, f"{type(error).__name__}. {studio.last_words()}") from error


async def _make_picture(http: httpx.AsyncClient, studio: _Child) -> None:
    answer = await http.post("/api/jobs", json={"workflow": GRAPH, "title": "Self-test"})
    if answer.status_code != HTTPStatus.CREATED:
        raise _failed("job", f"It was refused: {answer.text[:200]}")
    address = f"/api/jobs/{answer.json()['id']}"
    while (job := (await http.get(address)).json())["status"] in ("queued", "running"):
        studio.check()
        await asyncio.sleep(_LOOK_S)
    if job["status"] != "succeeded" or len(job["outputs"]) != 1:
        raise _failed("job", f"It ended {job['status']} with {len(job['outputs'])} outputs.")
    content = await http.get(f"/api/v2/assets/{job['outputs'][0]['id']}/content")
    if content.status_code != HTTPStatus.OK or not content.content:
        raise _failed("job", f"Its picture answers {content.status_code}.")


class _Child:
    """A process of a rehearsal, and where it writes its log."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, step: str) -> None:
        self.process = process
        self.log = log
        self.step = step

    def check(self) -> None:
        """Raise UpdateRefused when it has ended."""
        if self.process.returncode is not None:
            raise _failed(self.step, f"It ended. {self.last_words()}")

    def last_words(self) -> str:
        """The last lines of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " ".join(lines[-_LINES:])[-400:] or "It left no word; the disk may be full."

    async def end(self) -> None:
        """SIGTERM, then SIGKILL."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self.process.wait()
        self.kill()
        await self.process.wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


@contextlib.asynccontextmanager
async def _running(
    place: Place, step: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[_Child]:
    log = place.scratch / f"{step}.log"
    variables = {name: os.environ[name] for name in _PASSED if name in os.environ}
    variables |= {
        "HOME": str(place.scratch),
        "PYTHONPATH": os.pathsep.join((str(place.release), str(place.app_dir))),
        # What was verified stays as it is.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "STUDIO_DIR": str(place.studio_dir),
        "STUDIO_RUN_DIR": str(place.run_dir),
        "STUDIO_HOST": "127.0.0.1",
        "UPDATE_CHECK_HOURS": "0",
        **{
            name: str(place.scratch / name.lower())
            for name in ("ENGINE_DIR", "MODEL_DIR", "CUSTOM_NODES_DIR", "CACHE_DIR", "LLM_DIR")
        },
        **(environ or {}),
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            *arguments,
            cwd=place.scratch,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
    child = _Child(process, log, step)
    try:
        yield child
    finally:
        child.kill()
        await asyncio.shield(process.wait())


@contextlib.contextmanager
def _folders(place: Place) -> Any:
    """Both folders for the time of one rehearsal."""
    place.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(place.run_dir, ignore_errors=True)
    place.run_dir.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        for folder in (place.scratch, place.run_dir):
            shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _failed(step: str, text: str) -> UpdateRefused:
    return UpdateRefused("self_test", f"The self-test failed at “{step}”: {text}")
