"""The editor's port against whoever reaches it: strangers, other sites' pages, forged requests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from studio.services.pace import Pace
from tests.fakes.echo_engine import CHUNK, LARGE_BYTES, EchoEngine
from tests.security.editor_port import SAME_ORIGIN, EditorPort, open_port

LARGE_FRAME = bytes(range(256)) * (24 << 12)


@pytest.fixture
async def engine() -> AsyncIterator[EchoEngine]:
    echo = EchoEngine()
    await echo.start()
    yield echo
    await echo.stop()


@pytest.fixture
async def port(tmp_path: Path, engine: EchoEngine) -> AsyncIterator[EditorPort]:
    async with open_port(tmp_path, engine.url, pace=Pace(editor_check_s=0.1)) as opened:
        yield opened


# -- coming in -------------------------------------------------------------------------------------


async def test_nothing_answers_without_the_cookie_and_the_engine_hears_of_nothing(
    port: EditorPort, engine: EchoEngine
) -> None:
    async with httpx.AsyncClient(base_url=port.url, headers=SAME_ORIGIN) as stranger:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            for path in ("/", "/queue", "/api/prompt", "/view?filename=a.png", "/_studio/enter"):
                answer = await stranger.request(method, path)
                assert answer.status_code in (401, 405), (method, path)
        page = await stranger.get("/", headers={"accept": "text/html"})
        assert page.status_code == 401
        assert "Open it from Studio" in page.text and 'href="http://127.0.0.1:' in page.text
        planted = {"cookie": "studio-editor=guess; studio=of-the-other-port; __Host-studio=x"}
        assert (await stranger.get("/queue", headers=planted)).status_code == 401
        key = {"authorization": "Bearer canary-editor-key-77c1"}
        assert (await stranger.get("/queue", headers=key)).status_code == 401
    assert engine.seen == []


async def test_a_code_works_once_and_soon_and_a_link_that_was_used_leads_back_in(
    port: EditorPort,
) -> None:
    link = (await port.link()).replace("127.0.0.1:1/", f"127.0.0.1:{port.port}/")
    late = await port.link()
    async with httpx.AsyncClient() as client:
        first = await client.get(link)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        cookie = first.headers["set-cookie"]
        assert cookie.startswith("studio-editor=") and "Secure" not in cookie
        assert all(part in cookie for part in ("; Path=/", "; HttpOnly", "; SameSite=Lax"))
        assert first.headers["cache-control"] == "no-store"
        assert first.headers["referrer-policy"] == "no-referrer"
    async with httpx.AsyncClient() as other:
        assert (await other.get(link)).status_code == 401
        cookie = cookie.split(";")[0]
        again = await other.get(link, headers={"cookie": cookie})
        assert again.status_code == 303 and "set-cookie" not in again.headers
        port.wait(31)
        assert (await other.get(late)).status_code == 401


async def test_a_visit_ends_with_the_key_that_it_came_with(
    port: EditorPort, engine: EchoEngine
) -> None:
    created = await port.api.post("/api/keys", json={"name": "editor", "scopes": ["editor"]})
    port.api.headers["x-api-key"] = created.json()["key"]
    owner = port.api.headers.pop("authorization")
    async with await port.browser() as browser:
        assert (await browser.get("/queue")).status_code == 200
        late = (await port.link()).rpartition("=")[2]
        port.api.headers["authorization"] = owner
        await port.api.delete(f"/api/keys/{created.json()['id']}")
        assert (await browser.get("/queue")).status_code == 401
        assert (await browser.get("/_studio/enter", params={"code": late})).status_code == 401


async def test_only_an_owner_who_is_logged_in_gets_a_link(port: EditorPort) -> None:
    created = await port.api.post("/api/keys", json={"name": "no editor", "scopes": ["jobs"]})
    headers = {"authorization": f"Bearer {created.json()['key']}"}
    answer = await port.api.post("/api/editor/open", headers=headers)
    assert (answer.status_code, answer.json()["error"]["details"]) == (403, {"scope": "editor"})


async def test_on_https_the_cookie_is_bound_to_its_host(tmp_path: Path, engine: EchoEngine) -> None:
    public_url = "https://editor.example.org"
    async with open_port(tmp_path, engine.url, public_url=public_url) as port:
        link = await port.link()
        assert link.startswith("https://editor.example.org/_studio/enter?code=")
        async with httpx.AsyncClient(base_url=port.url) as client:
            answer = await client.get(link.removeprefix("https://editor.example.org"))
            name, _, rest = answer.headers["set-cookie"].partition("=")
            assert name == "__Host-studio-editor" and rest.endswith("; Secure")
            token = rest.split(";")[0]
            plain = {"cookie": f"studio-editor={token}"}
            assert (await client.get("/queue", headers=plain)).status_code == 401
            bound = {"cookie": f"{name}={token}"}
            assert (await client.get("/queue", headers=bound)).status_code == 200
            origin = {**bound, "origin": "https://editor.example.org"}
            assert (await client.post("/x", headers=origin)).status_code == 200
            # What the request itself says of its host counts for nothing then.
            forged = {**bound, "origin": "http://evil.test", "host": "evil.test"}
            assert (await client.post("/x", headers=forged)).status_code == 403


# -- requests that are not what they seem ----------------------------------------------------------

ABUSES = {
    "absolute form": (b"GET http://evil.test/queue HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 400),
    "absolute form of the engine": (
        b"GET {engine}/x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        400,
    ),
    "another host in the path": (
        b"GET //evil.test/x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n",
        400,
    ),
    "authority": (b"GET @evil.test/x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 400),
    "CONNECT": (b"CONNECT evil.test:443 HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 405),
    "TRACE": (b"TRACE /x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 405),
    "two hosts": (b"GET /x HTTP/1.1\r\nHost: {host}\r\nHost: evil.test\r\n{cookie}\r\n", 400),
    "backslash": (b"GET /\\evil.test/x HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 400),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n", 400),
    "two lengths": (
        b"POST /x HTTP/1.1\r\nHost: {host}\r\n{cookie}Content-Length: 5\r\n"
        b"Content-Length: 6\r\n\r\nhello",
        400,
    ),
    "length and chunks": (
        b"POST /x HTTP/1.1\r\nHost: {host}\r\n{cookie}Content-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        400,
    ),
    "an unknown encoding": (
        b"POST /x HTTP/1.1\r\nHost: {host}\r\n{cookie}Transfer-Encoding: xchunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        400,
    ),
}


async def test_a_request_that_is_no_plain_one_never_reaches_the_engine(
    port: EditorPort, engine: EchoEngine
) -> None:
    cookie = f"Cookie: studio-editor={await port.token()}\r\nSec-Fetch-Site: same-origin\r\n"
    for name, (form, status) in ABUSES.items():
        request = (
            form.replace(b"{host}", f"127.0.0.1:{port.port}".encode())
            .replace(b"{engine}", engine.url.encode())
            .replace(b"{cookie}", cookie.encode())
        )
        answer = await port.raw(request)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (name, answer[:200])
    assert engine.seen == []


async def test_the_engine_learns_nothing_of_who_asks(port: EditorPort, engine: EchoEngine) -> None:
    lines = [
        "Cookie: other=1",
        f"Cookie: studio-editor={await port.token()}; studio=canary; __Host-studio=canary",
        "Authorization: Bearer canary",
        "X-API-Key: canary",
        "Proxy-Authorization: canary",
        "Origin: http://evil.test",
        "Referer: http://127.0.0.1/?canary",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: canary",
        "Forwarded: for=canary",
        "X-Forwarded-For: 203.0.113.1",
        "X-Forwarded-Host: canary",
        "X-Real-IP: 203.0.113.1",
        "CF-Connecting-IP: 203.0.113.1",
        "Via: canary",
        "Keep-Alive: canary",
        "TE: canary",
        "X-Named: canary",
        "Connection: cookie, X-Named, close",
        "Comfy-User: default",
        "Accept-Encoding: br",
    ]
    head = "\r\n".join(lines)
    answer = await port.raw(
        f"POST /a%2Fb@evil.test:80/c?d=%2F HTTP/1.1\r\nHost: 127.0.0.1:{port.port}\r\n{head}\r\n"
        "Content-Length: 2\r\n\r\nhi".encode()
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    (seen,) = engine.seen
    assert seen.target == "/a%2Fb@evil.test:80/c?d=%2F"
    assert seen.names == {"host", "comfy-user", "accept-encoding", "content-length"}
    assert ("host", engine.url.removeprefix("http://")) in seen.headers
    assert seen.body_bytes == 2
    assert "canary" not in str(seen)


async def test_the_browser_gets_no_cookie_and_no_rights_from_the_engine(port: EditorPort) -> None:
    async with await port.browser() as browser:
        answer = await browser.get("/x")
        assert answer.headers["x-engine"] == "kept"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("x-frame-options") == ["DENY"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        for name in ("set-cookie", "strict-transport-security", "clear-site-data"):
            assert name not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        refused = await browser.get("/customnode/getlist")
        for name in ("x-content-type-options", "x-frame-options", "content-security-policy"):
            assert name in refused.headers
        head = await browser.head("/x")
        assert (head.status_code, head.content) == (200, b"")
        assert (await browser.get("/unchanged")).status_code == 304
        moved = await browser.get("/moved")
        assert (moved.status_code, moved.headers["location"]) == (302, "/there")


# -- what goes through -----------------------------------------------------------------------------


async def test_bodies_go_through_whole_in_both_directions(
    port: EditorPort, engine: EchoEngine
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(LARGE_BYTES // len(CHUNK)):
            yield CHUNK

    wanted = hashlib.sha256(CHUNK * (LARGE_BYTES // len(CHUNK))).hexdigest()
    async with await port.browser() as browser:
        sent = await browser.post("/upload/image", content=parts())
        assert sent.json()["body_hash"] == wanted
        assert ("transfer-encoding", "chunked") in engine.seen[-1].headers
        sized = await browser.put("/x", content=CHUNK)
        assert sized.json()["body_hash"] == hashlib.sha256(CHUNK).hexdigest()
        assert ("content-length", str(len(CHUNK))) in engine.seen[-1].headers
        digest = hashlib.sha256()
        async with browser.stream("GET", "/large") as answer:
            assert answer.headers["content-length"] == str(LARGE_BYTES)
            async for chunk in answer.aiter_bytes():
                digest.update(chunk)
        assert digest.hexdigest() == wanted


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(port: EditorPort) -> None:
    async with await port.browser() as browser:
        with pytest.raises(httpx.RemoteProtocolError):
            await browser.get("/breaks")
        assert (await browser.get("/x")).status_code == 200


async def test_an_engine_that_is_gone_is_said_so(port: EditorPort, engine: EchoEngine) -> None:
    async with await port.browser() as browser:
        await engine.stop()
        answer = await browser.get("/x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_unreachable")


# -- WebSockets ------------------------------------------------------------------------------------

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
