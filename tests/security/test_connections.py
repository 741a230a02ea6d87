"""Whoever only opens connections, or never ends a head, keeps nobody else out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from studio.server import _listen, _serving
from studio.web import connections
from tests.api.studio_process import run_studio

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nhost: x\r\nx-half: "
QUIET_S = 0.2


class App:
    """Reads the body and tells its size; answers once ``go`` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            return
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await self.go.wait()
        body = str(size).encode()
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

    def close(self) -> None:
        self.app.go.set()
        for line in self._lines:
            line.close()


@contextlib.asynccontextmanager
async def opened(listener: socket.socket, *, editor: bool) -> AsyncIterator[Port]:
    app = App()
    port = Port(listener, app)
    async with _serving(app, listener, editor=editor):
        try:
            yield port
        finally:
            port.close()


@pytest.fixture(params=[False, True], ids=["first", "editor"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[Port]:
    """Either kind of port."""
    with _listen("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with opened(listener, editor=request.param) as made:
            yield made


@pytest.fixture
async def first() -> AsyncIterator[Port]:
    """The first port, whose parser has no limits of its own."""
    with _listen("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with opened(listener, editor=False) as made:
            yield made


async def test_one_connection_too_many_is_turned_away_and_a_freed_place_is_taken(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    lines = [await port.line() for _ in range(3)]
    status, body = await (await port.line()).answer()
    assert (status, json.loads(body)["error"]["code"]) == (503, "unavailable")
    lines[0].send(GET)
    assert await lines[0].answer() == (200, b"0")
    lines[1].close()
    async with asyncio.timeout(20):
        while True:
            line = await port.line()
            line.send(GET)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                if await line.answer() == (200, b"0"):
                    break
            line.close()


async def test_websockets_and_the_other_port_count_and_the_owners_socket_is_never_full(
    port: Port, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    live = await port.line()
    live.send(
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert (await live.head()).startswith(b"http/1.1 101 ")
    owners = socket.socket(socket.AF_UNIX)
    with _listen("127.0.0.1", 0, "STUDIO_PORT") as listener, owners:
        owners.bind(str(tmp_path / "own.sock"))
        owners.listen()
        async with opened(listener, editor=False) as other, opened(owners, editor=False) as own:
            assert (await (await port.line()).answer())[0] == 503
            assert (await (await other.line()).answer())[0] == 503
            line = await own.line()
            line.send(GET)
            assert await line.answer() == (200, b"0")


@pytest.mark.parametrize("said", [b"", HALF, GET + HALF])
async def test_a_connection_that_gets_past_no_head_is_ended(
    port: Port, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", QUIET_S)
    line = await port.line()
    if said.startswith(GET):
        line.send(GET)
        assert await line.answer() == (200, b"0")
    line.send(said.removeprefix(GET))

    async def dribble() -> None:
        while said:
            await asyncio.sleep(QUIET_S / 4)
            line.send(b"a")

    dribbling = asyncio.create_task(dribble())
    assert await line.rest() == b""
    dribbling.cancel()


async def test_the_deadline_is_the_heads_alone(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", QUIET_S)
    slow = await port.line()
    slow.send(POST)
    idle = await port.line()
    idle.send(GET)
    assert await idle.answer() == (200, b"0")
    port.app.go.clear()
    waiting = await port.line()
    waiting.send(GET + HALF)
    # A connection that says nothing is ended after the same time: by then these would be, too.
    for _ in range(3):
        assert await (await port.line()).rest() == b""
    port.app.go.set()
    assert await waiting.answer() == (200, b"0")
    slow.send(b"1\r\na\r\n0\r\n\r\n")
    assert await slow.answer() == (200, b"1")
    idle.send(GET)
    assert await idle.answer() == (200, b"0")


async def test_a_head_has_a_largest_size(first: Port) -> None:
    frame = len(HALF) + len(b"\r\n\r\n")
    for excess, status in ((0, 200), (1, 431)):
        line = await first.line()
        line.send(HALF + b"a" * (connections.MAX_HEAD_BYTES - frame + excess) + b"\r\n\r\n")
        got, body = await line.answer()
        assert got == status
        if status == 431:
            assert json.loads(body)["error"]["code"] == "invalid_request"
            assert await line.rest() == b""


@pytest.mark.parametrize(
    "start",
    [b"GET /", HALF, GET + HALF, POST + b"1\r\na\r\n0\r\nx-trailer: "],
    ids=["target", "header", "second", "trailer"],
)
@pytest.mark.parametrize("filler", [b"a" * 1000, b"a\r\nb: " * 100], ids=["one", "many"])
async def test_what_never_ends_is_ended(port: Port, start: bytes, filler: bytes) -> None:
    line = await port.line()
    line.send(start)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(60):
            for _ in range(100_000):
                line.send(filler)
                await line.drain()
            pytest.fail("it took a hundred megabytes")
    await line.rest()


async def test_a_large_body_is_no_head(port: Port) -> None:
    line = await port.line()
    chunk = b"a" * 300_000
    line.send(POST + b"%x\r\n%b\r\n" % (len(chunk), chunk) + b"1\r\nb\r\n" * 50_000)
    line.send(b"0\r\n\r\n" + GET)
    assert await line.answer() == (200, b"350000")
    assert await line.answer() == (200, b"0")


def test_a_small_file_limit_is_raised_and_half_of_it_is_for_connections() -> None:
    script = (
        "import resource as r; from studio.web.connections import *\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, 1000)); print(most_connections())\n"
        "raise_file_limit(); print(r.getrlimit(r.RLIMIT_NOFILE)[0], most_connections())"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert told.stdout.split() == [b"128", b"1000", b"500"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process: Linux")
def test_strangers_that_take_every_place_do_not_take_the_stores(tmp_path: Path) -> None:
    with run_studio(tmp_path, engine=False) as studio, contextlib.ExitStack() as strangers:
        resource.prlimit(studio.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        with studio.client() as client:
            assert client.get("/api/v2/jobs").status_code == 200
            address = studio.url.removeprefix("http://").rsplit(":", 1)
            for _ in range(400):
                line = socket.create_connection((address[0], int(address[1])))
                strangers.enter_context(line)
            # The last one was looked at, so all of them were.
            line.settimeout(20)
            assert line.recv(12) == b"HTTP/1.1 503"
            with studio.client(studio.make_key("jobs")) as newcomer, pytest.raises(httpx.HTTPError):
                newcomer.get("/api/v2/jobs").raise_for_status()
            assert client.get("/api/v2/jobs").status_code == 200
