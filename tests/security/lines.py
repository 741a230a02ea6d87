"""A port of Studio's with an application of the tests', and raw connections to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from starlette.types import Receive, Scope, Send

from boot.listeners import open_port
from studio.server import _serving
from studio.web import connections
from tests.faults.harness import until

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
KNOWN = b"GET / HTTP/1.1\r\nhost: x\r\nx-known: by this app\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nhost: x\r\nx-half: "
QUIET_S = 0.2


class App:
    """Reads the body and tells its size; answers once ``go`` is set.

    Attributes:
        filler: how many bytes follow in an answer.
    """

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.filler = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            return
        scope["studio.identity"] = dict(scope["headers"]).get(b"x-known")
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await self.go.wait()
        body = str(size).encode() + b"." * self.filler
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def head(self) -> bytes:
        """The next answer's status and headers, in small letters."""
        async with asyncio.timeout(20):
            return (await self._reader.readuntil(b"\r\n\r\n")).lower()

    async def drain(self) -> None:
        await self._writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """One answer of a known length."""
        head = await self.head()
        async with asyncio.timeout(20):
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            return int(head.split()[1]), await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        """What comes until the other side ends it."""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                return await self._reader.read()
            return b""

    def stop_reading(self) -> None:
        self._transport.pause_reading()

    def go_on_reading(self) -> None:
        self._transport.resume_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    def close(self) -> None:
        self._writer.transport.abort()


class Port:
    """An open port and the lines to it."""

    def __init__(self, listener: socket.socket, app: App) -> None:
        self._address, self.app = listener.getsockname(), app
        self._lines: list[Line] = []

    async def line(self) -> Line:
        if isinstance(self._address, str):
            line = Line(*await asyncio.open_unix_connection(self._address))
        else:
            line = Line(*await asyncio.open_connection(*self._address[:2]))
        self._lines.append(line)
        return line

    async def empty(self, *, but: int = 0) -> None:
        """Until the server has no more connections than that."""
        await until(lambda: sum(len(one.connections) for one in connections._states) <= but)

    def close(self) -> None:
        self.app.go.set()
        for line in self._lines:
            line.close()


@contextlib.asynccontextmanager
async def opened(
    listener: socket.socket, *, editor: bool, proxies: Sequence[str] = ()
) -> AsyncIterator[Port]:
    app = App()
    port = Port(listener, app)
    async with _serving(app, listener, proxies, editor=editor):
        try:
            yield port
        finally:
            port.close()


@pytest.fixture(params=[False, True], ids=["first", "editor"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[Port]:
    """Either kind of port."""
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with opened(listener, editor=request.param) as made:
            yield made
