"""A poll that repeats the one before it is answered while it is read, and never wrongly."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from boot.listeners import open_port
from studio.models import ALL_SCOPES
from studio.server import _serving
from studio.web.connections import BoundedHttp
from tests.api.house import KEY, House
from tests.security.test_doors import assert_safe_headers
from tests.security.test_hot_path import GRAPH, JOBS, NOBODY


class _Line:
    """One connection, spoken to in plain bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, sent: str) -> tuple[int, dict[str, str], Any]:
        self._writer.write(sent.encode())
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, json.loads(body)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@pytest.fixture
async def port(house: House) -> AsyncIterator[int]:
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with _serving(house.app, listener):
            yield listener.getsockname()[1]


@pytest.fixture
async def line(port: int) -> AsyncIterator[_Line]:
    opened = _Line(*await asyncio.open_connection("127.0.0.1", port))
    yield opened
    await opened.close()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the parser was given."""
    read: list[bytes] = []
    parse = BoundedHttp._parse

    def counted(protocol: BoundedHttp, data: bytes) -> None:
        read.append(data)
        parse(protocol, data)

    monkeypatch.setattr(BoundedHttp, "_parse", counted)
    return read


@pytest.fixture
async def jobs(port: int) -> tuple[str, str]:
    """The ids of two jobs."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        headers = {"X-API-Key": KEY}
        made = [await client.post(JOBS, content=GRAPH, headers=headers) for _ in range(2)]
    return made[0].json()["id"], made[1].json()["id"]


def _poll(job_id: str, key: str = KEY) -> str:
    return f"GET {JOBS}/{job_id} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"


async def test_a_poll_that_repeats_the_one_before_is_answered_as_that_was(
    jobs: tuple[str, str], line: _Line, parsed: list[bytes]
) -> None:
    first, second = jobs
    parsed.clear()
    answers = [await line.ask(_poll(job_id)) for job_id in (first, first, second, first)]
    assert len(parsed) == 1
    assert [body["id"] for _, _, body in answers] == [first, first, second, first]
    assert answers[0][2] == answers[1][2] == answers[3][2]
    ids = {headers["x-request-id"] for _, headers, _ in answers}
    assert len(ids) == len(answers)
    for status, headers, _ in answers:
        assert status == 200
        assert_safe_headers(httpx.Response(200, headers=headers))
        assert headers.keys() == answers[0][1].keys()


async def test_a_key_that_was_revoked_between_two_polls_opens_nothing(
    house: House, jobs: tuple[str, str], line: _Line
) -> None:
    auth = house.accounts.auth
    owner = auth.console()
    made, key = await auth.create(owner, name="short", scopes=ALL_SCOPES, expires_in_days=None)
    answers = [await line.ask(_poll(jobs[0], key)) for _ in range(2)]
    await auth.revoke(owner, made.id)
    answers.append(await line.ask(_poll(jobs[0], key)))
    assert [status for status, _, _ in answers] == [200, 200, 401]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda poll: poll.replace(KEY, "x" * len(KEY)), id="another key"),
        pytest.param(lambda poll: poll.replace("Host: x", "Host: y"), id="another host"),
        pytest.param(lambda poll: poll.replace(" HTTP/1.1", "/ HTTP/1.1"), id="another path"),
        pytest.param(lambda poll: poll[:-2] + "A: b\r\n\r\n", id="one header more"),
        pytest.param(lambda poll: poll + poll, id="two in one piece"),
    ],
)
async def test_a_poll_that_differs_from_the_one_before_is_read_anew(
    jobs: tuple[str, str], line: _Line, parsed: list[bytes], changed: Callable[[str], str]
) -> None:
    job_id, _ = jobs
    for _ in range(2):
        await line.ask(_poll(job_id))
    parsed.clear()
    await line.ask(changed(_poll(job_id)))
    assert parsed == [changed(_poll(job_id)).encode()]


async def test_a_poll_behind_half_a_request_belongs_to_that_request(
    jobs: tuple[str, str], line: _Line
) -> None:
    job_id, _ = jobs
    for _ in range(2):
        await line.ask(_poll(job_id))
    line._writer.write(
        f"POST {JOBS} HTTP/1.1\r\nX-API-Key: {KEY}\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(_poll(job_id))}\r\n\r\n".encode()
    )
    async with asyncio.timeout(20):
        assert b" 100 " in await line._reader.readuntil(b"\r\n\r\n")
    status, _, body = await line.ask(_poll(job_id))
    assert (status, body["error"]["code"]) == (400, "invalid_request")


async def test_polls_of_jobs_that_are_not_at_hand_go_the_long_way(
    jobs: tuple[str, str], line: _Line, parsed: list[bytes]
) -> None:
    job_id, _ = jobs
    for _ in range(2):
        await line.ask(_poll(job_id))
    parsed.clear()
    status, _, body = await line.ask(_poll(NOBODY.rpartition("/")[2]))
    assert (status, body["error"]["code"], len(parsed)) == (404, "not_found", 1)


async def test_polls_in_one_piece_are_not_remembered_as_one(
    port: int, jobs: tuple[str, str]
) -> None:
    job_id, _ = jobs
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = b""
    async with asyncio.timeout(60):
        for _ in range(2):
            writer.write(_poll(job_id).encode() * 2)
            for _ in range(2):
                answered += await reader.readuntil(b"\r\n\r\n")
        writer.write(_poll(job_id).replace("Host", "Connection: close\r\nHost").encode())
        answered += await reader.read()
    writer.close()
    assert re.findall(rb"HTTP/1\.1 ([0-9]+)", answered) == [b"200"] * 5
