"""What is served while Studio cannot work: it lives, and says why nothing else does."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from studio.clock import new_id
from studio.version import VERSION
from studio.web.headers import with_headers


class HeldApp:
    """``/health`` answers; everything else is 503 with the reason."""

    def __init__(self) -> None:
        self.reason = "Studio is starting."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": self.reason[:120]})
            return
        content: dict[str, Any]
        if scope["path"] == "/health":
            status, content = 200, {"status": "ok", "version": VERSION}
        elif scope["path"] == "/ready":
            status, content = 503, {"ready": False, "reasons": [self.reason]}
        else:
            error = {"code": "unavailable", "message": self.reason, "details": None}
            status, content = 503, {"error": error}
        body = orjson.dumps(content)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"2"),
        ]
        send = with_headers(send, new_id())
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )
