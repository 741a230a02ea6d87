"""The editor's port against whoever reaches it: strangers, other sites' pages, forged requests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from studio.embedded.options import read_options
from studio.embedded.server import Engine
from tests.api.house import paths_of
from tests.fakes.echo_engine import CHUNK, LARGE_BYTES, EchoEngine
from tests.security.editor_port import SAME_ORIGIN, EditorPort, open_port

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


HANDSHAKE = (
    b"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"sec-fetch-site: same-origin\r\n\r\n"
)


async def test_the_port_opens_no_address_of_studios_or_of_an_engines(
    port: EditorPort, engine: EchoEngine, tmp_path: Path
) -> None:
    options = read_options(["--base-directory", str(tmp_path / "engine")])
    real = Engine(folders=options.folders, limits=options.limits, crashed=lambda: None)
    resources = real.application().router.resources()
    paths = {*paths_of(port.studio.app.routes), *(each.canonical for each in resources)}
    assert {"/", "/api/ws", "/api/v2/jobs", "/prompt", "/api/prompt", "/ws"} <= paths
    async with httpx.AsyncClient(base_url=port.url, headers=SAME_ORIGIN) as stranger:
        for path in sorted(paths):
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                answer = await stranger.request(method, quote(path))
                assert answer.status_code == 401, (method, path)
            handshake = await port.raw(HANDSHAKE.replace(b"{path}", quote(path).encode()))
            assert handshake.startswith(b"HTTP/1.1 403 "), path
    assert (engine.seen, engine.sockets) == ([], [])


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


async def test_a_prompt_that_is_nested_too_deeply_is_refused(
    port: EditorPort, engine: EchoEngine
) -> None:
    async with await port.browser() as browser:
        body = b'{"prompt": ' + b"[" * 500 + b"]" * 500 + b"}"
        for path in ("/prompt", "/api/prompt"):
            answer = await browser.post(path, content=body)
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["code"] == "invalid_request"
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
