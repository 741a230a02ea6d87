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

from boot.listeners import open_port
from studio.web import connections
from tests.api.studio_process import run_studio
from tests.security.lines import GET, HALF, POST, QUIET_S, Port, opened
from tests.security.lines import port as port


@pytest.fixture
async def first() -> AsyncIterator[Port]:
    """The first port, whose parser has no limits of its own."""
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
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
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener, owners:
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
