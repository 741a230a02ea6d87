"""What is served while Studio cannot work: it lives, and says why nothing else does."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from studio.clock import new_id
from studio.version import VERSION
from studio.web.headers import with_headers
from studio.web.plain_page import POLICY, plain_page

_AGAIN_S: Final = 2


class HeldApp:
    """``/health`` answers; everything else is 503 with the reason, as a page for browsers.

    A Studio that ends says no to ``/health`` too, or it would be taken for the one that follows.
    """

    def __init__(self) -> None:
        self.reason = "Studio is starting."
        self._leaving = False

    def leave(self) -> None:
        """From now on this Studio ends."""
        self.reason = "Studio is stopping."
        self._leaving = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": self.reason[:120]})
            return
        content: dict[str, Any]
        kind = b"application/json"
        if scope["path"] == "/health" and not self._leaving:
            status, content = 200, {"status": "ok", "version": VERSION}
        elif scope["path"] == "/ready":
            status, content = 503, {"ready": False, "reasons": [self.reason]}
        else:
            error = {"code": "unavailable", "message": self.reason, "details": None}
            status, content = 503, {"error": error}
        body = orjson.dumps(content)
        if status == 503 and "text/html" in Headers(scope=scope).get("accept", ""):
            kind = b"text/html; charset=utf-8"
            body = plain_page(
                "Studio",
                "Studio cannot work now",
                self.reason,
                "This page looks again by itself.",
                again_s=_AGAIN_S,
            )
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(_AGAIN_S).encode()),
            (b"content-security-policy", POLICY),
        ]
        if self._leaving:
            headers.append((b"connection", b"close"))
        send = with_headers(send, new_id())
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )
