"""How much one client may ask for at once, where a proxy speaks for many.

Below ASGI a connection is whoever opened it, and a proxy may open as many as there are places. For
whom its requests are is known once their headers are read, if the proxy is one that is believed;
from then on that address has the same part as one that comes by itself. What the proxy keeps open
without a request is nobody's but its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.clock import new_id
from studio.errors import Unavailable
from studio.services.throttle import network_of
from studio.web.bodies import UnreadBodies
from studio.web.connections import largest_share, speaks_for_many
from studio.web.headers import with_headers
from studio.web.respond import error_body

_under_way: Final[Counter[str]] = Counter()
"""Requests and WebSockets by client, of all ports together."""


class Clients:
    """Turns away what one client asks for beyond its part.

    Args:
        app: what answers; it stands behind whatever reads the proxies' headers.
        proxies: networks of the proxies that are believed; they themselves have no limit here.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._refusal = UnreadBodies(_refuse)
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = scope["client"][0]
        if speaks_for_many(host, self._proxies):
            await self._app(scope, receive, send)
            return
        whose = network_of(host)
        if _under_way[whose] >= largest_share():
            await self._refusal(scope, receive, send)
            return
        _under_way[whose] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            _under_way[whose] -= 1
            if not _under_way[whose]:
                del _under_way[whose]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    error = Unavailable("Too many requests of yours are under way.")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1013, "reason": error.message})
        return
    body = orjson.dumps(error_body(error))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    send = with_headers(send, new_id())
    await send(
        {
            "type": "http.response.start",
            "status": HTTPStatus.SERVICE_UNAVAILABLE,
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
