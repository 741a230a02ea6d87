"""A receiver of webhooks on loopback that answers as it is told, and keeps what it got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def type(self) -> str:
        kind: str = self.message["type"]
        return kind

    def verify(self, secret: str) -> None:
        """By the reference library; raises when the signature, or the time, is wrong."""
        Webhook(secret).verify(self.body, self.headers)


Answer = Callable[[Got], web.Response]


def fine(_: Got) -> web.Response:
    """What a receiver answers that has taken it."""
    return web.Response(text="thank you")


@dataclass
class Place:
    """Where it listens, what came, and how it answers; ``held`` keeps every answer back."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answer: Answer = fine
    held: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def types(self) -> list[str]:
        """Of everything that came, in its order."""
        return [one.type for one in self.got]

    def of(self, kind: str) -> list[Got]:
        """All messages of that type."""
        return [one for one in self.got if one.type == kind]

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            got = Got(request.path_qs, headers, await request.read())
        except ConnectionResetError:
            # The sender was killed.
            return web.Response(status=400)
        self.got.append(got)
        await self.held.wait()
        return self.answer(got)


@contextlib.asynccontextmanager
async def running_place(port: int = 0) -> AsyncIterator[Place]:
    """A receiver for as long as the block lasts."""
    place = Place()
    place.held.set()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", place._take)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    place.port = runner.addresses[0][1]
    try:
        yield place
    finally:
        place.held.set()
        await runner.cleanup()
