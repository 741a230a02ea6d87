"""A Studio in this process, without an engine, behind a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.app import open_studio
from studio.models import ROLE_SCOPES, Identity, Role
from studio.opened import Studio
from studio.server import front
from studio.settings import Settings
from studio.web.sockets import BoundedSocket
from tests.api.graphs import solid
from tests.api.live_client import LiveClient, listen

KEY = "canary-live-key-77c1"
ROLES = {"owner": Role.OWNER, "anna": Role.MEMBER, "ben": Role.MEMBER}


class QuickSocket(BoundedSocket):
    """Cuts at once what a test would wait ten seconds for."""

    linger_s = 0.2


@dataclass(frozen=True)
class LiveHouse:
    """An opened Studio at ``url``; the header ``X-User`` says who somebody is."""

    url: str
    port: int
    studio: Studio
    server: uvicorn.Server

    def connected(self) -> set[tuple[str, int] | None]:
        """The addresses of those whom the server still holds a connection of."""
        return {
            getattr(connection, "client", None)
            for connection in self.server.server_state.connections
        }

    def listen(self, user: str) -> contextlib.AbstractAsyncContextManager[LiveClient]:
        """A live client of that user's."""
        return listen(self.url, None, {"X-User": user})

    def client(self, user: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={"X-User": user}, timeout=30)


async def submit(client: httpx.AsyncClient) -> str:
    """Submit a job, which waits for ever; its id."""
    answer = await client.post("/api/jobs", json={"workflow": solid()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@contextlib.asynccontextmanager
async def open_live_house(folder: Path) -> AsyncIterator[LiveHouse]:
    """Open and serve until the block ends."""
    (folder / "run").mkdir()
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(folder / "house"),
            "STUDIO_RUN_DIR": str(folder / "run"),
            "API_KEY": KEY,
        }
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        async with open_studio(settings) as studio:
            await studio.db.write(_add_members)
            app = _known(studio.app, front(studio, settings))
            async with _serving(app, listener) as server:
                yield LiveHouse(f"http://127.0.0.1:{port}", port, studio, server)


def _add_members(connection: sqlite3.Connection) -> None:
    for name, role in ROLES.items():
        if role is not Role.OWNER:
            connection.execute(
                "INSERT INTO users (id, name, role, created_at) VALUES (?, ?, ?, 0)",
                (name, name, role.value),
            )


def _known(app: ASGIApp, door: ASGIApp) -> ASGIApp:
    """The application for whoever says their name, the door for everybody else."""

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope["headers"]).get(b"x-user", b"").decode()
        if name in ROLES:
            scope["studio.identity"] = Identity(name, ROLES[name], ROLE_SCOPES[ROLES[name]])
            await app(scope, receive, send)
        else:
            await door(scope, receive, send)

    return enter


@contextlib.asynccontextmanager
async def _serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    options: dict[str, Any] = {"lifespan": "off", "log_config": None, "access_log": False}
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            ws=QuickSocket,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
            **options,
        )
    )
    # Signals stay pytest's.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task
