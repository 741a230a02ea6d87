"""A server that does byte by byte what a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Behaviour = Callable[["Visit"], Awaitable[None]]
"""What the server does to one connection."""


@dataclass
class Visit:
    """One connection to the server, as the server sees it."""

    server: Server
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> tuple[str, bytes]:
        """The next request's head and body; noted by the server too."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line for line in head.splitlines() if line.lower().startswith("content-length:")]
        body = await self.reader.readexactly(int(lengths[0].split(":")[1]))
        self.server.requests.append((self.number, head, body))
        return head, body

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.close()


@dataclass
class Server:
    """Behaves to each connection as it was told; notes every request."""

    url: str = ""
    requests: list[tuple[int, str, bytes]] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)

    @property
    def numbers(self) -> list[int]:
        """Which connection each request came over."""
        return [number for number, _, _ in self.requests]


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    made = Server()
    tasks: list[asyncio.Task[None]] = []

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(made, len(made.visits), reader, writer)
        made.visits.append(visit)
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await behaviour(visit)
            await reader.read()
        made.ended.add(visit.number)

    listener = await asyncio.start_server(visited, host, 0)
    port = listener.sockets[0].getsockname()[1]
    made.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        yield made
    finally:
        listener.close()
        for visit in made.visits:
            visit.writer.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()


def answering(answer: bytes) -> Behaviour:
    """A server that answers everything, and never hangs up."""

    async def behave(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.say(answer)

    return behave


def once(answer: bytes) -> Behaviour:
    """A server that answers one request of each connection and hangs up."""

    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.say(answer)
        visit.hang_up()

    return behave
