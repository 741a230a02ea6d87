"""The editor's port on a real listener, in front of an engine that the tests choose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from studio.app import open_studio
from studio.clock import Clock, FrozenClock
from studio.opened import Studio
from studio.server import _serving, front
from studio.services.pace import Pace
from studio.settings import Settings
from studio.web.bodies import UnreadBodies

KEY = "canary-editor-key-77c1"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True)
class EditorPort:
    """An open port of the editor's; ``clock`` is the one of its codes."""

    port: int
    studio: Studio
    api: httpx.AsyncClient
    clock: Clock
    door: ASGIApp

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def person(self) -> httpx.AsyncClient:
        """A browser on Studio's own page, in which nobody is logged in yet."""
        transport = httpx.ASGITransport(app=self.door)
        return httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:1", headers=SAME_ORIGIN
        )

    def wait(self, seconds: float) -> None:
        """Let time pass on a clock that stands still."""
        assert isinstance(self.clock, FrozenClock)
        self.clock.advance(seconds)

    async def link(self) -> str:
        """A fresh link into the editor."""
        answer = await self.api.post("/api/editor/open")
        assert answer.status_code == 200, answer.text
        link: str = answer.json()["url"]
        return link

    async def token(self) -> str:
        """The cookie's value of a fresh visit."""
        code = (await self.link()).rpartition("=")[2]
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.url}/_studio/enter", params={"code": code})
        assert answer.status_code == 303, answer.text
        return answer.headers["set-cookie"].split(";")[0].partition("=")[2]

    async def browser(self, **options: str) -> httpx.AsyncClient:
        """A client that is inside, and whose pages are the editor's own."""
        headers = {"cookie": f"studio-editor={await self.token()}", **SAME_ORIGIN, **options}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    async def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes, until the server closes or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            writer.write(request)
            await writer.drain()
            with contextlib.suppress(TimeoutError, ConnectionError):
                while chunk := await asyncio.wait_for(reader.read(65536), 0.5):
                    answer += chunk
        finally:
            writer.close()
        return answer


@contextlib.asynccontextmanager
async def open_port(
    folder: Path,
    engine_url: str,
    *,
    public_url: str = "",
    allow: str = "",
    clock: Clock | None = None,
    pace: Pace | None = None,
) -> AsyncIterator[EditorPort]:
    """A Studio with that engine until the block ends; its clock stands still unless given one."""
    (folder / "run").mkdir(exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0))
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(folder / "studio"),
            "STUDIO_RUN_DIR": str(folder / "run"),
            "STUDIO_ENGINE": engine_url,
            "API_KEY": KEY,
            "STUDIO_COMFY_PUBLIC_URL": public_url,
            "STUDIO_OUTBOUND_ALLOW": allow,
        }
    )
    port = listener.getsockname()[1]
    settings = replace(settings, comfy_port=port)
    clock = clock or FrozenClock()
    async with open_studio(settings, clock, pace) as studio:
        door = front(studio, settings)
        api = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=door),
            base_url="http://127.0.0.1:1",
            headers={"authorization": f"Bearer {KEY}"},
        )
        async with api, _serving(UnreadBodies(studio.comfy), listener, editor=True):
            yield EditorPort(port, studio, api, clock, door)
