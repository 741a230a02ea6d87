"""Every door is closed unless it is public, and every answer has the headers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.types import ASGIApp

from studio.web.guard import PUBLIC_PATHS, STATIC
from tests.api.graphs import code_of, fresh_png
from tests.api.house import KEY, House

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
NOWHERE = (
    "/nothing",
    "/api",
    "/api/",
    "/api/v2",
    "/api/v2/jobs/",
    "/api/v3/jobs",
    "/docs",
    "/openapi.json",
    "/redoc",
    "/health/",
    "/x//health",
    "/health/../api/jobs",
    "/ready/x",
    "/static/x.js",
    "/.env",
    "/%2e%2e/etc/passwd",
    "/api/v2/assets/../jobs",
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}


def addresses(house: House) -> Iterator[str]:
    """One address of every route, and of what is no route."""
    for path in house.paths():
        while "{" in path:
            path = path[: path.index("{")] + "0" * 36 + path[path.index("}") + 1 :]
        yield path
    yield from NOWHERE


def assert_safe_headers(answer: httpx.Response) -> None:
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, (answer.request.url, name)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert len(answer.headers["x-request-id"]) == 36
    assert "cache-control" in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers
    assert "set-cookie" not in answer.headers


async def test_every_route_is_closed_unless_it_is_public(house: House) -> None:
    async with house.client(None) as stranger:
        for path in addresses(house):
            for method in METHODS:
                answer = await stranger.request(method, path)
                assert_safe_headers(answer)
                if method in PUBLIC_PATHS.get(path, ()) or is_static(method, path):
                    assert answer.status_code not in (401, 500), (method, path)
                    continue
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    assert code_of(answer) == "unauthorized"


def is_static(method: str, path: str) -> bool:
    return path.startswith(STATIC) and method in ("GET", "HEAD")


async def test_the_public_list_is_short_and_known() -> None:
    reading = {path for path, methods in PUBLIC_PATHS.items() if methods == {"GET", "HEAD"}}
    assert reading == {"/", "/health", "/ready"}
    assert PUBLIC_PATHS.keys() - reading == {
        "/api/setup",
        "/api/session",
        "/api/join",
        "/api/device/code",
        "/api/device/token",
    }
    assert "GET" not in PUBLIC_PATHS["/api/session"]
    assert len(PUBLIC_PATHS) <= 8
    assert STATIC == "/static/"


async def test_every_answer_to_the_owner_has_the_headers_and_errors_the_envelope(
    house: House,
) -> None:
    seen = set()
    async with house.client() as owner:
        for path in addresses(house):
            for method in METHODS:
                if path == "/api/v2/jobs/" + "0" * 36 + "/events":
                    assert (await owner.get(path)).status_code == 404
                    continue
                answer = await owner.request(method, path, content=b"\xff{")
                assert_safe_headers(answer)
                seen.add(answer.status_code)
                if answer.status_code >= 400 and method != "HEAD" and path not in PUBLIC_PATHS:
                    code_of(answer)
                assert answer.status_code not in (301, 302, 307, 308, 500), (method, path)
    assert {200, 400, 404, 405} <= seen


async def test_a_wrong_method_is_told_the_right_ones(house: House) -> None:
    async with house.client() as owner:
        answer = await owner.put("/api/queue/pause")
        assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_no_websocket_opens_without_a_key_wherever_it_is_asked_for(house: House) -> None:
    paths = list(addresses(house))
    assert {"/", "/health", "/api/ws", "/api/v2/jobs", "/nothing"} <= set(paths)
    for path in paths:
        [ended] = await asyncio.wait_for(knock(house.app, path), 5)
        assert (ended["type"], ended["code"]) == ("websocket.close", 4401), path


async def knock(app: ASGIApp, path: str) -> list[dict[str, Any]]:
    """What a stranger's WebSocket is told."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "scheme": "ws",
        "subprotocols": [],
    }
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Basic " + KEY},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {KEY} x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": "Bearer " + "x" * 60_000},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": ""},
        {"Cookie": f"key={KEY}"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-User": "owner", "X-User": "owner", "Remote-User": "owner"},
    ],
    ids=lambda header: str(header)[:40],
)
async def test_nothing_but_the_key_opens(house: House, header: dict[str, Any]) -> None:
    async with house.client(None) as stranger:
        answer = await stranger.get("/api/jobs", headers=header)
        assert (answer.status_code, code_of(answer)) == (401, "unauthorized")
        assert KEY not in answer.text
        assert (await stranger.get(f"/api/jobs?key={KEY}&api_key={KEY}")).status_code == 401


async def test_nobody_of_another_origin_is_invited(house: House) -> None:
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with house.client() as owner:
        for method in ("GET", "OPTIONS", "POST"):
            assert_safe_headers(await owner.request(method, "/api/v2/jobs", headers=foreign))


@pytest.mark.parametrize(
    "host",
    ["evil.example/path?x=", "user@evil.example", "a b", "x\\y", "[::1", "a:b:c", "", "<b>"],
    ids=ascii,
)
async def test_a_hostile_host_header_is_not_repeated(house: House, host: str) -> None:
    asset = await make_asset(house)
    async with house.client() as owner:
        answer = await owner.get(f"/api/v2/assets/{asset['id']}", headers={"Host": host})
        assert answer.json()["url"].startswith("http://localhost/api/v2/assets/")
        moved = await owner.get("/api/v2/jobs/", headers={"Host": host})
        assert "location" not in moved.headers


# -- signed links ---------------------------------------------------------------------------------


async def make_asset(house: House) -> dict[str, Any]:
    async with house.client() as owner:
        answer = await owner.post(
            "/api/v2/assets",
            files={"file": ("x", fresh_png(), "image/png")},
            data={"content_type": "image/png", "file_path": "door.png"},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


async def test_a_signed_link_opens_its_own_bytes_for_reading_alone(house: House) -> None:
    asset, other = await make_asset(house), await make_asset(house)
    link = urlsplit(asset["url"])
    async with house.client(None) as stranger:
        for method in ("GET", "HEAD"):
            assert (await stranger.request(method, f"{link.path}?{link.query}")).status_code == 200
        for method, path in (
            ("DELETE", link.path),
            ("POST", link.path),
            ("GET", f"/api/v2/assets/{asset['id']}"),
            ("DELETE", f"/api/v2/assets/{asset['id']}"),
            ("GET", f"/api/assets/{asset['id']}/thumbnail"),
            ("GET", f"/api/v2/assets/{other['id']}/content"),
            ("GET", "/api/v2/jobs"),
            ("GET", f"{link.path}/"),
        ):
            answer = await stranger.request(method, f"{path}?{link.query}")
            assert answer.status_code == 401, (method, path)
            assert code_of(answer) == "unauthorized"


async def test_a_changed_link_opens_nothing(house: House) -> None:
    asset = await make_asset(house)
    link = urlsplit(asset["url"])
    values = {name: found[0] for name, found in parse_qs(link.query).items()}
    assert values.keys() == {"user", "ends", "signature"}
    changes: list[dict[str, str]] = [
        {"user": "somebody"},
        {"user": ""},
        {"user": f"owner.{values['ends']}", "ends": ""},
        {"ends": str(int(values["ends"]) + 3_600_000)},
        {"ends": "9" * 5000},
        {"ends": "-1"},
        {"ends": "\u0661"},
        {"signature": ""},
        {"signature": values["signature"][::-1]},
        {"signature": values["signature"] + "." + values["signature"]},
        {"signature": "\udcff".encode("utf-8", "surrogateescape").hex()},
    ]
    async with house.client(None) as stranger:
        for change in changes:
            answer = await stranger.get(link.path, params={**values, **change})
            assert answer.status_code == 401, change
            assert code_of(answer) == "unauthorized"
        assert (await stranger.get(link.path)).status_code == 401
        assert (await stranger.get(f"{link.path}?%ff=%00")).status_code == 401
        assert (await stranger.get(link.path, params=values)).status_code == 200


async def test_a_link_ends_when_it_says(house: House) -> None:
    asset = await make_asset(house)
    link = urlsplit(asset["url"])
    ends_ms = int(parse_qs(link.query)["ends"][0])
    async with house.client(None) as stranger:
        house.clock.advance((ends_ms - house.clock.now_ms()) / 1000 - 1)
        assert (await stranger.get(f"{link.path}?{link.query}")).status_code == 200
        house.clock.advance(1)
        answer = await stranger.get(f"{link.path}?{link.query}")
        assert (answer.status_code, code_of(answer)) == (401, "unauthorized")
    async with house.client() as owner:
        fresh = (await owner.get(f"/api/v2/assets/{asset['id']}")).json()
        assert fresh["url"] != asset["url"]
        assert (await owner.get(fresh["url"])).status_code == 200


async def test_a_wrong_key_is_not_helped_by_a_good_link(house: House) -> None:
    asset = await make_asset(house)
    async with house.client("wrong") as stranger:
        assert (await stranger.get(asset["url"])).status_code == 401
