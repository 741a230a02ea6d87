"""The hot path answers as the long way does: same status, same body, same headers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from boot.listeners import open_port
from studio.models import ALL_SCOPES, Scope
from studio.server import _serving
from studio.web.connections import BoundedHttp
from studio.web.hot_path import SMALL_BYTES, HotPath
from tests.api.graphs import code_of
from tests.api.house import KEY, House
from tests.security.test_doors import assert_safe_headers

JOBS = "/api/v2/jobs"
NOBODY = "/api/v2/jobs/00000000-0000-0000-0000-000000000000"
GRAPH = json.dumps({"workflow": {"1": {"class_type": "A", "inputs": {}}}}).encode()
_IDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OWN = {"date", "x-request-id", "content-length", "connection"}
"""Headers that two requests need not share. A refusal over a body that was not read ends the
connection; the hot path has read it."""


@dataclass
class Ways:
    """A Studio on a loopback port; ``long`` counts the requests that passed the hot path by."""

    house: House
    client: httpx.AsyncClient
    long: int = 0
    keys: dict[str, str] = field(default_factory=dict)

    def went_long(self) -> bool:
        """Whether the request since the last call went the long way."""
        before, self.long = self.long, 0
        return before == 1


@pytest.fixture
async def ways(house: House) -> AsyncIterator[Ways]:
    hot = house.app
    assert isinstance(hot, HotPath)
    long_way = hot._app

    async def counted(scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            made.long += 1
        await long_way(scope, receive, send)

    hot._app = counted
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with _serving(hot, listener), httpx.AsyncClient(base_url=url, timeout=30) as client:
            made, auth = Ways(house, client), house.accounts.auth
            owner = auth.console()
            _, made.keys["reader"] = await auth.create(
                owner, name="reader", scopes=frozenset({Scope.JOBS}), expires_in_days=None
            )
            _, made.keys["uploader"] = await auth.create(
                owner, name="uploader", scopes=frozenset({Scope.ASSETS}), expires_in_days=None
            )
            revoked, made.keys["revoked"] = await auth.create(
                owner, name="revoked", scopes=ALL_SCOPES, expires_in_days=None
            )
            await auth.revoke(owner, revoked.id)
            _, made.keys["expired"] = await auth.create(
                owner, name="expired", scopes=ALL_SCOPES, expires_in_days=1
            )
            house.clock.advance(2 * 86_400)
            made.keys["owner"] = KEY
            yield made


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1 << 16):
        yield body[start : start + (1 << 16)]


def _credentials(ways: Ways, key: str | None, header: str) -> dict[str, str]:
    if key is None:
        return {}
    token = ways.keys[key]
    return {header: f"Bearer {token}" if header == "Authorization" else token}


def _shape(answer: httpx.Response) -> tuple[int, Any, dict[str, str]]:
    """All of an answer that two requests must share."""
    assert_safe_headers(answer)
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    assert len(names) == len(set(names)), names
    assert "date" in names
    headers = {name: value for name, value in answer.headers.items() if name not in _OWN}
    body = json.loads(_IDS.sub("<id>", answer.text))
    body.pop("queue_position", None)
    return answer.status_code, body, headers


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
@pytest.mark.parametrize(
    ("key", "body", "status", "is_hot"),
    [
        pytest.param("owner", GRAPH, 201, True, id="valid"),
        pytest.param("owner", b"", 422, True, id="empty"),
        pytest.param("owner", b"{}", 422, True, id="no workflow"),
        pytest.param("owner", b'{"workflow": [1', 400, True, id="not JSON"),
        pytest.param("owner", b"\xff\xfe{", 400, True, id="not UTF-8"),
        pytest.param("owner", b"[1]", 400, True, id="no object"),
        pytest.param("owner", b'{"workflow": {}, "x": 1}', 422, True, id="unknown field"),
        pytest.param("uploader", GRAPH, 403, True, id="no scope"),
        pytest.param("reader", GRAPH, 403, True, id="one scope of two"),
        pytest.param("revoked", GRAPH, 401, False, id="revoked"),
        pytest.param("expired", GRAPH, 401, False, id="expired"),
        pytest.param(None, GRAPH, 401, False, id="no key"),
        pytest.param("owner", GRAPH + b" " * SMALL_BYTES, 201, False, id="large"),
    ],
)
async def test_a_submit_is_answered_alike_by_both_ways(
    ways: Ways, key: str | None, header: str, body: bytes, status: int, is_hot: bool
) -> None:
    headers = _credentials(ways, key, header)
    plain = await ways.client.post(JOBS, content=body, headers=headers)
    assert ways.went_long() is not is_hot
    chunked = await ways.client.post(JOBS, content=_in_chunks(body), headers=headers)
    assert ways.went_long()
    asking = await ways.client.post(
        JOBS, content=body, headers={**headers, "Expect": "100-continue"}
    )
    assert ways.went_long()
    assert plain.status_code == status
    assert _shape(plain) == _shape(chunked) == _shape(asking)
    if status >= 400:
        code_of(plain)


async def test_a_body_over_the_limit_is_refused_alike_however_it_comes(ways: Ways) -> None:
    # Far more than the limit: the end of the body must not have come when it is refused.
    body = b" " * 40_000_000
    headers = _credentials(ways, "owner", "Authorization")
    plain = await ways.client.post(JOBS, content=body, headers=headers)
    chunked = await ways.client.post(JOBS, content=_in_chunks(body), headers=headers)
    assert plain.status_code == 413
    assert _shape(plain) == _shape(chunked)
    assert plain.headers["connection"] == chunked.headers["connection"] == "close"


async def test_a_submit_with_an_idempotency_key_is_answered_alike(ways: Ways) -> None:
    headers = {**_credentials(ways, "owner", "Authorization"), "Idempotency-Key": "once"}
    first = await ways.client.post(JOBS, content=GRAPH, headers=headers)
    plain = await ways.client.post(JOBS, content=GRAPH, headers=headers)
    chunked = await ways.client.post(JOBS, content=_in_chunks(GRAPH), headers=headers)
    assert (first.status_code, ways.long) == (201, 1)
    assert plain.status_code != 201
    assert _shape(plain) == _shape(chunked)
    long = {**headers, "Idempotency-Key": "x" * 256}
    plain = await ways.client.post(JOBS, content=GRAPH, headers=long)
    chunked = await ways.client.post(JOBS, content=_in_chunks(GRAPH), headers=long)
    assert plain.status_code == 422
    assert _shape(plain) == _shape(chunked)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
@pytest.mark.parametrize(
    ("key", "is_known", "status", "is_hot"),
    [
        pytest.param("owner", True, 200, True, id="known"),
        pytest.param("owner", False, 404, True, id="unknown"),
        pytest.param("uploader", True, 403, True, id="no scope"),
        pytest.param("revoked", True, 401, False, id="revoked"),
        pytest.param("expired", False, 401, False, id="expired"),
        pytest.param(None, False, 401, False, id="no key"),
    ],
)
async def test_a_poll_is_answered_alike_by_both_ways(
    ways: Ways, key: str | None, header: str, is_known: bool, status: int, is_hot: bool
) -> None:
    owner = _credentials(ways, "owner", "Authorization")
    made = (await ways.client.post(JOBS, content=GRAPH, headers=owner)).json()
    path = f"{JOBS}/{made['id']}" if is_known else NOBODY
    headers = _credentials(ways, key, header)
    plain = await ways.client.get(path, headers=headers)
    assert ways.went_long() is not is_hot
    asking = await ways.client.get(path, headers={**headers, "Expect": "100-continue"})
    assert ways.went_long()
    assert plain.status_code == status
    assert _shape(plain) == _shape(asking)
    if is_known and status == 200:
        assert plain.json() == asking.json() == made


async def test_a_poll_with_a_body_goes_the_long_way(ways: Ways) -> None:
    """There a body that nobody reads ends the connection."""
    owner = _credentials(ways, "owner", "Authorization")
    answer = await ways.client.request("GET", NOBODY, content=b"unread", headers=owner)
    assert ways.went_long()
    assert (answer.status_code, answer.headers["connection"]) == (404, "close")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", NOBODY),
        ("DELETE", NOBODY),
        ("OPTIONS", JOBS),
        ("GET", JOBS),
        ("GET", JOBS + "/"),
        ("GET", JOBS + "/x"),
        ("GET", JOBS + "/" + "%2f" * 36),
        ("GET", JOBS + "/" + "0" * 29 + "/events"),
        ("GET", JOBS + "x/" + "0" * 35),
        ("POST", JOBS + "/"),
        ("POST", NOBODY),
    ],
)
async def test_everything_else_goes_the_long_way(ways: Ways, method: str, path: str) -> None:
    headers = _credentials(ways, "owner", "Authorization")
    answer = await ways.client.request(method, path, headers=headers)
    assert ways.went_long()
    assert_safe_headers(answer)


async def test_a_job_id_of_odd_characters_is_only_unknown(ways: Ways) -> None:
    headers = _credentials(ways, "owner", "Authorization")
    for odd in ("%00" * 36, "%0d%0a" * 18, "%F0%9F%92%A9" * 36, "." * 36, "%3F" * 36):
        plain = await ways.client.get(f"{JOBS}/{odd}", headers=headers)
        assert not ways.went_long()
        asking = await ways.client.get(
            f"{JOBS}/{odd}", headers={**headers, "Expect": "100-continue"}
        )
        assert ways.went_long()
        assert (plain.status_code, code_of(plain)) == (404, "not_found")
        assert _shape(plain) == _shape(asking)


async def test_an_error_that_nobody_foresaw_has_the_envelope_and_the_headers(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(*_: object) -> None:
        raise ZeroDivisionError("canary-inside")

    monkeypatch.setattr(ways.house.app, "_submit", explode)
    headers = _credentials(ways, "owner", "Authorization")
    answer = await ways.client.post(JOBS, content=GRAPH, headers=headers)
    assert_safe_headers(answer)
    assert answer.status_code == 500
    assert code_of(answer)
    assert answer.headers["x-request-id"] in answer.text
    assert "canary" not in answer.text


async def test_a_caller_who_hangs_up_before_the_end_of_a_body_leaves_no_job(ways: Ways) -> None:
    base = ways.client.base_url
    _, writer = await asyncio.open_connection(base.host, base.port)
    head = f"POST {JOBS} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 500\r\n\r\n"
    writer.write(head.encode() + GRAPH)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    headers = _credentials(ways, "owner", "Authorization")
    listed = await ways.client.get(JOBS, headers=headers)
    assert listed.json()["jobs"] == []


class _Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: asyncio.Transport, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(bytes(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_small_answer_is_written_once(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    begin = BoundedHttp.connection_made

    def counted(protocol: BoundedHttp, transport: asyncio.Transport) -> None:
        begin(protocol, transport)
        protocol.transport = _Counted(transport, written)  # type: ignore[assignment]

    monkeypatch.setattr(BoundedHttp, "connection_made", counted)
    headers = _credentials(ways, "owner", "Authorization")
    made = await ways.client.post(JOBS, content=GRAPH, headers=headers)
    assert (made.status_code, len(written)) == (201, 1)
    assert (await ways.client.get(NOBODY, headers=headers)).status_code == 404
    assert len(written) == 2


async def _raw(ways: Ways, sent: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    base = ways.client.base_url
    reader, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(sent.encode())
    return reader, writer


async def test_requests_in_one_piece_are_answered_in_their_order(ways: Ways) -> None:
    headers = _credentials(ways, "owner", "Authorization")
    made = (await ways.client.post(JOBS, content=GRAPH, headers=headers)).json()
    known = f"GET {JOBS}/{made['id']} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n"
    unknown = known.replace(made["id"], NOBODY.rpartition("/")[2])
    last = known.replace("Host: x", "Host: x\r\nConnection: close")
    reader, writer = await _raw(ways, known + unknown + last)
    async with asyncio.timeout(20):
        answers = (await reader.read()).decode()
    writer.close()
    assert re.findall(r"HTTP/1\.1 ([0-9]+)", answers) == ["200", "404", "200"]
    assert answers.count("connection: close") == 1
    assert answers.count(made["id"]) >= 2


async def test_answers_that_nobody_reads_are_not_piled_up(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The requests wait instead, as behind every other answer."""
    opened: list[BoundedHttp] = []
    begin = BoundedHttp.connection_made

    def noted(protocol: BoundedHttp, transport: asyncio.Transport) -> None:
        begin(protocol, transport)
        opened.append(protocol)

    monkeypatch.setattr(BoundedHttp, "connection_made", noted)
    poll = f"GET {NOBODY} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n\r\n"
    _, writer = await _raw(ways, poll * 30_000)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        while not opened or not opened[0].flow.write_paused:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    # Time enough for all that was read already, if it were answered.
    for _ in range(3000):
        await asyncio.sleep(0)
    waiting = opened[0].transport.get_write_buffer_size()
    writer.transport.abort()
    assert waiting < 90_000
