"""The door, pure ASGI: nobody passes without a key or a session, but to the few public paths.

A session's cookie is believed for reading; to change something, or to open a WebSocket, the request
must also come from Studio's own page.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.clock import new_id
from studio.errors import (
    InvalidRequest,
    StudioError,
    TooManyRequests,
    Unauthorized,
)
from studio.logs import REQUESTS, KeyInUse, key_in_use, request_id, user_id
from studio.models import Identity
from studio.services.auth import AuthService
from studio.services.rates import RequestLimits
from studio.services.request_times import ELSEWHERE, request_times
from studio.web.bodies import limited
from studio.web.headers import with_headers
from studio.web.links import ZIP_PATH, Links, zip_subject
from studio.web.origins import SAFE_METHODS, PublicAddress
from studio.web.respond import error_body, error_headers

log = logging.getLogger(REQUESTS)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
"""Others are made up, and would be labels without end."""
PUBLIC_PATHS: Final = {
    "/": frozenset({"GET", "HEAD"}),
    "/health": frozenset({"GET", "HEAD"}),
    "/ready": frozenset({"GET", "HEAD"}),
    "/api/setup": frozenset({"GET", "HEAD", "POST"}),
    "/api/session": frozenset({"POST"}),
    "/api/join": frozenset({"POST"}),
    "/api/device/code": frozenset({"POST"}),
    "/api/device/token": frozenset({"POST"}),
}
"""What strangers may ask for, and how; beside these only ``STATIC``."""
STATIC: Final = "/static/"
_CONTENT_PATH: Final = re.compile(r"/api/v2/assets/([0-9a-f-]{36})/content")
_ZIP_PATH: Final = re.compile(re.escape(ZIP_PATH) + "([0-9a-f-]{36})")
STRANGERS_BODY_BYTES: Final = 16_384
"""Enough for a password and a token."""
STRANGERS_BODY_S: Final = 15.0
"""How long that may take to come: places are few, and a stranger could keep many with nothing."""
SESSION_COOKIE: Final = "studio"
SHARE_ADDRESS: Final = "[A-Za-z0-9_-]{43}"
_SHARED: Final = re.compile(rf"/s/{SHARE_ADDRESS}|/api/shares/{SHARE_ADDRESS}(?:/.*)?")
"""What a link that was given to strangers leads to; whether it opens anything is asked there."""
_SHARED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_STREAMED: Final = re.compile(
    r"/api/v2/assets|/api/uploads/[^/]+/parts/[0-9]+|/api/system/import"
    rf"|/api/shares/{SHARE_ADDRESS}/files"
)
"""Routes that never have a whole body in memory and know their limit themselves."""
_ANSWERED: Final = "websocket.http.response"
"""What a server can do that answers a WebSocket's handshake with more than a bare 403."""


class Guard:
    """Authenticates every request and WebSocket before any route sees it.

    Args:
        console: every caller is the owner; for the control socket, which only its owner can open.
        address: where people reach Studio.
        identify_session: the person behind a session's cookie.
        max_body_bytes: largest body of routes that do not stream.
        limits: how often one caller may ask; without it as often as they like.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: AuthService,
        links: Links,
        max_body_bytes: int,
        address: PublicAddress | None = None,
        identify_session: Callable[[str], Identity | None] = lambda _: None,
        limits: RequestLimits | None = None,
        console: bool = False,
    ) -> None:
        self._app = app
        self._address = address or PublicAddress(None, SESSION_COOKIE)
        self._identify_session = identify_session
        self._auth = auth
        self._links = links
        self._max_body_bytes = max_body_bytes
        self._limits = limits
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        name = new_id()
        token = request_id.set(name)
        if scope["type"] == "http":
            send = _noted(scope, send)
        secure = not self._console and self._address.is_secure(scope)
        try:
            await self._pass(scope, receive, with_headers(send, name, secure=secure))
        finally:
            request_id.reset(token)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        key = KeyInUse("")
        key_in_use.set(key)
        try:
            scope["studio.identity"] = identity = self._counted(scope, headers)
            user_id.set(None if identity is None else identity.user_id)
            if identity is not None and identity.key_name:
                key.name = identity.key_name
            if scope["type"] == "http" and not _STREAMED.fullmatch(scope["path"]):
                known = scope["studio.identity"] is not None
                limit = self._max_body_bytes if known else STRANGERS_BODY_BYTES
                receive = limited(receive, headers, limit)
                if not known:
                    receive = _timed(receive)
            await self._app(scope, receive, send)
        except StudioError as error:
            await _refuse(scope, send, error)
        finally:
            key.name = ""

    def _counted(self, scope: Scope, headers: dict[bytes, bytes]) -> Identity | None:
        """Who calls, unless they call too often."""
        if self._limits is None or _is_free(scope):
            return self._identify(scope, headers)
        address = address_of(scope)
        try:
            identity = self._identify(scope, headers)
        except Unauthorized:
            self._limits.meet(None, address)
            raise
        self._limits.meet(identity, address)
        return identity

    def _identify(self, scope: Scope, headers: dict[bytes, bytes]) -> Identity | None:
        if self._console:
            return self._auth.console()
        key = key_in(headers)
        if key is not None:
            return self._auth.authenticate(key)
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        person = self._person(scope)
        public = _is_public(scope)
        if unsafe and (public or person is not None):
            self._address.require_own_page(scope, with_cookie=person is not None)
        if person is not None or public:
            return person
        path: str = scope["path"]
        linked = _linked_to(path)
        if linked and scope.get("method") in ("GET", "HEAD") and scope["query_string"]:
            return self._links.identify(linked, scope["query_string"])
        raise Unauthorized(
            "Log in, or send an API key as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
        )

    def _person(self, scope: Scope) -> Identity | None:
        """Whoever is logged in; with cookies of two of them, one was planted: then nobody."""
        found = {
            identity
            for value in self._address.cookies(scope)
            if (identity := self._identify_session(value)) is not None
        }
        return found.pop() if len(found) == 1 else None


def _noted(scope: Scope, send: Send) -> Send:
    """``send`` that notes how long it took until the answer began, and who changed what."""
    begun_s = time.perf_counter()

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            method, status = scope["method"], message["status"]
            seconds = time.perf_counter() - begun_s
            route = getattr(scope.get("route"), "path", ELSEWHERE)
            request_times.note(method if method in _METHODS else ELSEWHERE, route, status, seconds)
            if scope.get("studio.identity") is not None and method not in SAFE_METHODS:
                # Not the path itself: whoever errs may have put a secret into it.
                log.info("%s %s: %d in %d ms", method, route, status, seconds * 1000)
        await send(message)

    return noting


def _is_public(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    path: str = scope["path"]
    if path.startswith(STATIC):
        return scope["method"] in ("GET", "HEAD")
    if _SHARED.fullmatch(path):
        return scope["method"] in _SHARED_METHODS
    return scope["method"] in PUBLIC_PATHS.get(path, ())


def _is_free(scope: Scope) -> bool:
    """Whether nobody counts it: what is in memory, and what says that Studio lives."""
    path: str = scope["path"]
    return path.startswith(STATIC) or path in ("/health", "/ready")


def address_of(scope: Scope) -> str:
    """Where a request comes from; empty for a socket of this machine."""
    client = scope.get("client")
    return "" if client is None else str(client[0])


def _linked_to(path: str) -> str | None:
    """What a signed link to this path must be signed for; ``None`` where none leads."""
    if content := _CONTENT_PATH.fullmatch(path):
        return content[1]
    chosen = _ZIP_PATH.fullmatch(path)
    return None if chosen is None else zip_subject(chosen[1])


def key_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The API key that a request brings, if any."""
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    given = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    return given or None


def _timed(receive: Receive) -> Receive:
    """The same, as long as the body comes in time; what comes after its end may take for ever."""
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + STRANGERS_BODY_S
    is_whole = False

    async def hurried() -> Message:
        nonlocal is_whole
        try:
            async with asyncio.timeout_at(None if is_whole else ends_s):
                message = await receive()
        except TimeoutError as error:
            raise InvalidRequest("The body comes too slowly.") from error
        is_whole = not message.get("more_body", False)
        return message

    return hurried


async def _refuse(scope: Scope, send: Send, error: StudioError) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        if not (isinstance(error, TooManyRequests) and _ANSWERED in scope.get("extensions", ())):
            await send({"type": "websocket.close", "code": 4401, "reason": error.message})
            return
        # A page would take a closed socket for a session that has ended, and programs are to hear
        # when to try again.
        kind = _ANSWERED
    body = orjson.dumps(error_body(error, scope["path"]))
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    headers += [
        (key.lower().encode(), value.encode()) for key, value in error_headers(error).items()
    ]
    start: dict[str, Any] = {
        "type": f"{kind}.start",
        "status": error.status,
        "headers": headers,
    }
    await send(start)
    is_head = scope.get("method") == "HEAD"
    await send({"type": f"{kind}.body", "body": b"" if is_head else body})
