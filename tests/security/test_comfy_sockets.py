"""WebSockets through the editor's port: whose they may be, what they carry, how they end."""

from __future__ import annotations

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.fakes.echo_engine import EchoEngine
from tests.security.editor_port import EditorPort

LARGE_FRAME = bytes(range(256)) * (24 << 12)

FOREIGN = [
    {},
    {"origin": "null"},
    {"origin": "http://evil.test"},
    {"origin": "https://127.0.0.1:{port}"},
    {"origin": "http://127.0.0.1"},
    {"origin": "http://127.0.0.1:{port}@evil.test"},
    {"origin": "http://localhost:{port}"},
    {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-site"},
    {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "none"},
]


async def test_another_sites_page_gets_no_websocket_and_the_engine_hears_of_none(
    port: EditorPort, engine: EchoEngine
) -> None:
    cookie = {"cookie": f"studio-editor={await port.token()}"}
    address = f"ws://127.0.0.1:{port.port}/editor-ws"
    for headers in FOREIGN:
        told = {name: value.format(port=port.port) for name, value in headers.items()} | cookie
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(address, additional_headers=told)
        assert refused.value.response.status_code == 403, headers
        async with httpx.AsyncClient(base_url=port.url, headers=told) as page:
            assert (await page.post("/x")).status_code == 403, headers
            is_open = told.get("sec-fetch-site", "none") == "none"
            assert (await page.get("/x")).status_code == (200 if is_open else 403), headers
            link = {"sec-fetch-mode": "navigate"}
            assert (await page.get("/x", headers=link)).status_code == 200, headers
    assert engine.sockets == []
    assert {seen.method for seen in engine.seen} == {"GET"}


async def inside(port: EditorPort, query: str = "?clientId=mine") -> connect:
    headers = {
        "cookie": f"studio-editor={await port.token()}",
        "origin": f"http://127.0.0.1:{port.port}",
    }
    address = f"ws://127.0.0.1:{port.port}/editor-ws{query}"
    return connect(address, additional_headers=headers, max_size=128 << 20)


async def test_a_websocket_carries_frames_of_both_kinds_and_any_size(
    port: EditorPort, engine: EchoEngine
) -> None:
    async with await inside(port) as socket:
        for frame in ("text", b"bytes", "", b"", LARGE_FRAME):
            await socket.send(frame)
            assert await socket.recv() == frame
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers
    (seen,) = engine.sockets
    assert seen.target == "/editor-ws?clientId=mine"
    assert not seen.names & {"cookie", "origin", "sec-websocket-extensions"}


async def test_the_end_of_a_websocket_is_told_to_the_other_side(
    port: EditorPort, engine: EchoEngine
) -> None:
    async with await inside(port) as socket:
        await socket.send("close 4321")
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await socket.recv()
        assert ended.value.rcvd is not None
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4321, "as asked")
    async with await inside(port) as socket:
        await socket.close(4000)
    assert [await engine.closed.get(), await engine.closed.get()] == [1000, 4000]


async def test_a_websocket_that_the_engine_refuses_is_never_accepted(
    port: EditorPort, engine: EchoEngine
) -> None:
    with pytest.raises(websockets.InvalidStatus):
        await (await inside(port, "?refuse=1"))
    assert len(engine.sockets) == 1


async def test_a_websocket_ends_with_the_session_behind_it(
    port: EditorPort, engine: EchoEngine
) -> None:
    created = await port.api.post("/api/keys", json={"name": "editor", "scopes": ["editor"]})
    owner = port.api.headers["authorization"]
    port.api.headers["authorization"] = f"Bearer {created.json()['key']}"
    async with await inside(port) as socket:
        port.api.headers["authorization"] = owner
        await port.api.delete(f"/api/keys/{created.json()['id']}")
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await socket.recv()
        assert ended.value.rcvd is not None and ended.value.rcvd.code == 4401
    assert await engine.closed.get() == 4401
