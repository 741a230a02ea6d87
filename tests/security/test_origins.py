"""Who may change something with a session's cookie: Studio's own page, and nobody's else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from studio.app import open_studio
from studio.clock import FrozenClock
from studio.models import ROLE_SCOPES, Identity, Role
from studio.settings import Settings
from studio.web.guard import SESSION_COOKIE, Guard
from studio.web.origins import PublicAddress

TOKEN = "session-of-ann"
OTHER = "session-of-eve"
PEOPLE = {
    TOKEN: Identity("ann", Role.MEMBER, ROLE_SCOPES[Role.MEMBER], session_id="s1"),
    OTHER: Identity("eve", Role.MEMBER, ROLE_SCOPES[Role.MEMBER], session_id="s2"),
}
PUBLIC = "https://pod-8000.proxy.example.net"
OURS = "pod-8000.proxy.example.net"

Header = tuple[str, str]


async def reached(scope: Any, receive: Any, send: Any) -> None:
    """Says who came in."""
    who = scope["studio.identity"]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    body = orjson.dumps({"user": None if who is None else who.user_id})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def door(tmp_path: Path, public_url: str | None) -> AsyncIterator[Guard]:
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(tmp_path / "at"),
            "STUDIO_RUN_DIR": str(tmp_path),
            "API_KEY": "k" * 9,
        }
    )
    async with open_studio(settings, FrozenClock()) as studio:
        yield Guard(
            reached,
            auth=studio.accounts.auth,
            links=studio.links,
            max_body_bytes=1000,
            address=PublicAddress(public_url, SESSION_COOKIE),
            identify_session=PEOPLE.get,
        )


async def knock(
    guard: Guard,
    method: str,
    headers: list[Header],
    *,
    path: str = "/api/jobs",
    scheme: str = "http",
) -> tuple[int, str | None, dict[str, str]]:
    """Status, error code (or who came in), headers; for WebSockets 101 or the close code."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        kind = "websocket.connect" if method == "WS" else "http.request"
        return {"type": kind, "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "websocket" if method == "WS" else "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "scheme": {"http": "ws", "https": "wss"}[scheme] if method == "WS" else scheme,
    }
    await guard(scope, receive, send)
    if method == "WS":
        first = sent[0]
        return (101 if first["type"] == "websocket.accept" else first["code"]), None, {}
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = orjson.loads(sent[1]["body"])
    shown = content.get("error", {}).get("code") if "error" in content else content["user"]
    return sent[0]["status"], shown, answer


HOST = ("Host", OURS)
COOKIE = ("Cookie", f"__Host-studio={TOKEN}")
ALLOWED = [
    [("Origin", PUBLIC)],
    [("Origin", PUBLIC.upper().replace("HTTPS", "https"))],
    [("Origin", f"{PUBLIC}:443")],
    [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "same-origin"), ("Origin", PUBLIC)],
]
DENIED = [
    [],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", "https://evil.example")],
    [("Origin", PUBLIC.replace("https", "http"))],
    [("Origin", f"{PUBLIC}:8443")],
    [("Origin", f"{PUBLIC}.evil.example")],
    [("Origin", "https://evil-8000.proxy.example.net")],
    [("Origin", "https://proxy.example.net")],
    [("Origin", f"https://user@{OURS}")],
    [("Origin", f"https://evil.example/{OURS}")],
    [("Origin", f"{PUBLIC} https://evil.example")],
    [("Origin", PUBLIC), ("Origin", "https://evil.example")],
    [("Origin", f"wss://{OURS}")],
    [("Referer", f"{PUBLIC}/")],
    [("X-Forwarded-Host", OURS)],
    [("Sec-Fetch-Site", "same-site")],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "none")],
    [("Sec-Fetch-Site", "same-site"), ("Origin", PUBLIC)],
    [("Sec-Fetch-Site", "cross-site"), ("Origin", PUBLIC)],
    [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "Same-Origin ")],
]


def shown(headers: list[Header]) -> str:
    return " ".join(f"{name}={value}" for name, value in headers)[:60] or "neither"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("headers", ALLOWED, ids=shown)
async def test_its_own_page_may_change_things(
    tmp_path: Path, method: str, headers: list[Header]
) -> None:
    async with door(tmp_path, PUBLIC) as guard:
        assert (await knock(guard, method, [HOST, COOKIE, *headers]))[:2] == (200, "ann")


@pytest.mark.parametrize("headers", DENIED, ids=shown)
async def test_nobody_else_may(tmp_path: Path, headers: list[Header]) -> None:
    async with door(tmp_path, PUBLIC) as guard:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await knock(guard, method, [HOST, COOKIE, *headers]))[:2] == (
                403,
                "cross_origin",
            )
        # Reading changes nothing, and no page of another origin can see the answer.
        assert (await knock(guard, "GET", [HOST, COOKIE, *headers]))[:2] == (200, "ann")


@pytest.mark.parametrize("headers", DENIED, ids=shown)
async def test_nobody_else_opens_a_websocket(tmp_path: Path, headers: list[Header]) -> None:
    async with door(tmp_path, PUBLIC) as guard:
        status, _, _ = await knock(guard, "WS", [HOST, COOKIE, *headers], path="/api/ws")
        assert status == 4401
        assert (await knock(guard, "WS", [HOST, COOKIE, ALLOWED[0][0]], path="/api/ws"))[0] == 101


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("studio.lan:8000", "http://studio.lan:8000", 200),
        ("Studio.LAN:8000", "http://studio.lan:8000", 200),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", 200),
        ("[::1]:8000", "http://[::1]:8000", 200),
        ("studio.lan", "http://studio.lan:80", 200),
        ("studio.lan:8000", "http://studio.lan:8001", 403),
        ("studio.lan:8000", "https://studio.lan:8000", 403),
        ("studio.lan:8000", "http://localhost:8000", 403),
        ("", "http://studio.lan:8000", 403),
        ("a b", "http://a b", 403),
    ],
)
async def test_without_a_public_url_the_requests_own_host_is_the_origin(
    tmp_path: Path, host: str, origin: str, status: int
) -> None:
    headers = [("Host", host), ("Origin", origin), ("Cookie", f"studio={TOKEN}")]
    async with door(tmp_path, None) as guard:
        assert (await knock(guard, "POST", headers))[0] == status


async def test_a_key_needs_no_origin_and_a_cookie_beside_it_changes_nothing(
    tmp_path: Path,
) -> None:
    key = ("Authorization", "Bearer " + "k" * 9)
    async with door(tmp_path, PUBLIC) as guard:
        for extra in ([], [COOKIE], [("Origin", "https://evil.example")]):
            assert (await knock(guard, "POST", [HOST, key, *extra]))[:2] == (200, "owner")


async def test_strangers_may_log_in_from_the_page_alone(tmp_path: Path) -> None:
    async with door(tmp_path, PUBLIC) as guard:
        for path in ("/api/session", "/api/setup", "/api/join"):
            evil = [HOST, ("Origin", "https://evil.example")]
            assert (await knock(guard, "POST", evil, path=path))[0] == 403
            assert (await knock(guard, "POST", [HOST, *ALLOWED[0]], path=path))[:2] == (200, None)
            # No browser leaves both headers out: this is a program, and it brings no cookie.
            assert (await knock(guard, "POST", [HOST], path=path))[:2] == (200, None)


@pytest.mark.parametrize(
    ("cookie", "who"),
    [
        (f"__Host-studio={TOKEN}", "ann"),
        (f'__Host-studio="{TOKEN}"', "ann"),
        (f"a=b; __Host-studio={TOKEN}; studio={OTHER}", "ann"),
        (f"studio={TOKEN}", None),
        (f"__host-studio={TOKEN}", None),
        (f"__Host-studio ={TOKEN}", None),
        (f"__Host-studio-editor={TOKEN}", None),
        (f"__Host-studio={TOKEN}; __Host-studio={OTHER}", None),
        (f"__Host-studio=planted; __Host-studio={TOKEN}", "ann"),
        ("__Host-studio=", None),
        ("__Host-studio", None),
        ("; ;=;" * 1000, None),
        ("__Host-studio=\xff\xfe", None),
    ],
)
async def test_which_cookie_is_believed(tmp_path: Path, cookie: str, who: str | None) -> None:
    async with door(tmp_path, PUBLIC) as guard:
        status, found, _ = await knock(guard, "GET", [HOST, ("Cookie", cookie)])
        assert (status, found) == ((200, who) if who else (401, "unauthorized"))


async def test_https_is_remembered_by_browsers_and_http_is_not_promised(tmp_path: Path) -> None:
    async with door(tmp_path / "a", PUBLIC) as guard:
        for path in ("/health", "/api/jobs"):
            _, _, headers = await knock(guard, "GET", [HOST], path=path)
            assert headers["strict-transport-security"] == "max-age=31536000"
    async with door(tmp_path / "b", None) as guard:
        assert "strict-transport-security" not in (await knock(guard, "GET", [HOST]))[2]


async def test_a_cookie_that_is_set_cannot_be_read_planted_or_sent_in_the_clear() -> None:
    scope = {"scheme": "http", "headers": [(b"host", b"studio.lan")]}
    public = PublicAddress(PUBLIC, SESSION_COOKIE)
    assert public.set_cookie(scope, "x", max_age_s=60) == (
        "__Host-studio=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
    )
    plain = PublicAddress(None, SESSION_COOKIE)
    assert plain.set_cookie(scope, "x", max_age_s=60) == (
        "studio=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    )
    assert plain.cookie_name({**scope, "scheme": "https"}) == "__Host-studio"
