"""Prompts over a plain connection, against servers that behave in every way they might."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest

from studio.clients import http_line as http_line_module
from studio.clients.http_line import AnswerLost, HttpLine, Unreachable
from tests.fakes.raw_server import Behaviour, Server, Visit, answering, once, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_PATIENCE_S = 10.0


@contextlib.asynccontextmanager
async def lined(behaviour: Behaviour, path: str = "") -> AsyncIterator[tuple[Server, HttpLine]]:
    async with serving(behaviour) as server:
        line = HttpLine(server.url + path)
        yield server, line
        line.close()


async def post(line: HttpLine, body: bytes = b"{}") -> tuple[int, bytes]:
    return await line.post("/prompt", body, timeout_s=_PATIENCE_S)


async def until(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not question():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


# -- what it sends --------------------------------------------------------------------------------


async def test_requests_are_proper_and_use_one_connection_again() -> None:
    async with lined(answering(OK), "/engine/1/") as (server, line):
        for number in range(3):
            assert await post(line, b'{"number":%d}' % number) == (200, b"{}")
        assert server.numbers == [0, 0, 0]
        assert [body for _, _, body in server.requests] == [
            b'{"number":0}', b'{"number":1}', b'{"number":2}',
        ]  # fmt: skip
        head = server.requests[0][1]
        assert head.splitlines()[0] == "POST /engine/1/prompt HTTP/1.1"
        assert f"Host: {server.url.removeprefix('http://')}" in head.splitlines()
        assert "Content-Type: application/json" in head.splitlines()


async def test_a_large_body_arrives_whole() -> None:
    body = b"x" * 5_000_000
    async with lined(answering(OK)) as (server, line):
        assert await post(line, body) == (200, b"{}")
        assert server.requests[0][2] == body


async def test_an_ipv6_address_is_reached_and_named() -> None:
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    try:
        async with serving(answering(OK), "::1") as server:
            line = HttpLine(server.url)
            assert await post(line) == (200, b"{}")
            line.close()
            assert f"Host: {server.url.removeprefix('http://')}\r\n" in server.requests[0][1]
            assert "Host: [::1]:" in server.requests[0][1]
    except OSError:
        pytest.skip("there is no IPv6 here")


@pytest.mark.parametrize(
    ("url", "speaks"),
    [
        ("http://127.0.0.1:8188", True),
        ("http://engine", True),
        ("http://[::1]:8188/prefix", True),
        ("https://engine", False),
        ("http://user:secret@engine", False),
        ("http://engine/b\u00fcro", False),
        ("http://b\u00fcro", False),
        ("http://engine/two words", False),
        ("http:///nowhere", False),
    ],
)
def test_rare_addresses_are_left_to_the_general_client(url: str, speaks: bool) -> None:
    assert HttpLine.speaks(url) is speaks


async def test_two_at_once_use_two_connections() -> None:
    both = asyncio.Event()

    async def behave(visit: Visit) -> None:
        while True:
            await visit.request()
            if len(visit.server.requests) >= 2:
                both.set()
            await both.wait()
            await visit.say(OK)

    async with lined(behave) as (server, line):
        assert await asyncio.gather(*(post(line) for _ in range(2))) == [(200, b"{}")] * 2
        assert sorted(server.numbers) == [0, 1]
        assert await post(line) == (200, b"{}")
        assert len(server.visits) == 2


async def test_only_a_few_connections_are_kept() -> None:
    most = http_line_module._MAX_IDLE
    gate = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        if len(visit.server.requests) == most + 3:
            gate.set()
        await gate.wait()
        await visit.say(OK)

    async with lined(behave) as (server, line):
        await asyncio.gather(*(post(line) for _ in range(most + 3)))
        await until(lambda: len(server.ended) == 3)
        line.close()
        await until(lambda: len(server.ended) == most + 3)
        assert len(server.visits) == most + 3


# -- how answers come -----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_an_answer_may_come_in_pieces_in_chunks_and_after_a_promise(step: int) -> None:
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n"
        b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: z\r\n\r\n"
    )

    async def behave(visit: Visit) -> None:
        while True:
            await visit.request()
            for start in range(0, len(answer), step):
                await visit.say(answer[start : start + step])
                await asyncio.sleep(0)

    async with lined(behave) as (server, line):
        for _ in range(2):
            assert await post(line) == (400, b"hello world")
        assert server.numbers == [0, 0]


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async with lined(once(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as (server, line):
        for _ in range(2):
            assert await post(line) == (200, b"all of it")
        assert server.numbers == [0, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_not_used_again(answer: bytes) -> None:
    async with lined(answering(answer)) as (server, line):
        for _ in range(2):
            assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]
        await until(lambda: server.ended == {0, 1})


async def test_an_answer_without_a_body_ends_at_once() -> None:
    async with lined(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as (server, line):
        for _ in range(2):
            assert await post(line) == (204, b"")
        assert server.numbers == [0, 0]


# -- answers that are lost ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"\x00\xff" * 100,
    ],
    ids=ascii,
)
async def test_an_answer_that_is_cut_short_or_senseless_is_lost(answer: bytes) -> None:
    async with lined(once(answer)) as (server, line):
        for _ in range(2):
            with pytest.raises(AnswerLost):
                await post(line)
        assert server.numbers == [0, 1]


async def test_a_connection_that_is_reset_loses_its_answer() -> None:
    """Even one that would have ended with the connection: nobody knows whether all of it came."""

    async def behave(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\npart")
        held = visit.writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        visit.writer.transport.abort()

    async with lined(behave) as (_, line):
        with pytest.raises(AnswerLost):
            await post(line)


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        line = HttpLine(f"http://127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(Unreachable):
            await post(line)


async def test_an_answer_that_comes_too_late_is_not_the_next_ones() -> None:
    late = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        if visit.number == 0:
            await late.wait()
            await visit.say(OK.replace(b"{}", b"no"))
        await visit.say(OK)

    async with lined(behave) as (server, line):
        with pytest.raises(AnswerLost, match="in time"):
            await line.post("/prompt", b"{}", timeout_s=0.05)
        late.set()
        assert await post(line) == (200, b"{}")
        assert 1 in server.numbers
        await until(lambda: 0 in server.ended)


async def test_an_answer_nobody_waits_for_any_more_is_not_the_next_ones() -> None:
    asked = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        asked.set()
        if visit.number > 0:
            await visit.say(OK)

    async with lined(behave) as (server, line):
        given_up = asyncio.create_task(post(line))
        await asked.wait()
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await until(lambda: server.ended == {0})
        assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]


# -- idle connections -----------------------------------------------------------------------------


async def test_an_idle_connection_that_the_server_closed_is_not_used() -> None:
    async with lined(once(OK)) as (server, line):
        assert await post(line) == (200, b"{}")
        await until(lambda: not line._idle[0][0].reusable)
        assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]


async def test_an_idle_connection_whose_end_is_only_just_known_is_not_used() -> None:
    """Between the last byte from a server and the loss of the connection the loop turns once."""
    async with lined(once(OK)) as (server, line):
        assert await post(line) == (200, b"{}")
        transport = line._idle[0][0]._transport
        assert transport is not None
        while not transport.is_closing():  # noqa: ASYNC110 - nothing tells of that moment
            await asyncio.sleep(0)
        assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]


async def test_a_connection_that_was_idle_for_long_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with lined(answering(OK)) as (server, line):
        assert await post(line) == (200, b"{}")
        monkeypatch.setattr(http_line_module, "_IDLE_S", 0.0)
        assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]
        await until(lambda: 0 in server.ended)


@pytest.mark.parametrize(
    "unasked",
    [b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 408 Re", b"?"],
    ids=ascii,
)
@pytest.mark.parametrize("together", [True, False])
async def test_what_a_server_says_unasked_is_never_an_answer(
    unasked: bytes, together: bool
) -> None:
    """A proxy says it is about to close; half of that may come before the next request goes out."""
    asked = asyncio.Event()

    async def behave(visit: Visit) -> None:
        await visit.request()
        if visit.number == 0:
            await visit.say(OK + unasked if together else OK)
            await asked.wait()
            await visit.say(b"" if together else unasked)
            await visit.request()
        await visit.say(OK)

    async with lined(behave) as (server, line):
        assert await post(line) == (200, b"{}")
        asked.set()
        await until(lambda: 0 in server.ended)
        assert await post(line) == (200, b"{}")
        assert server.numbers == [0, 1]
