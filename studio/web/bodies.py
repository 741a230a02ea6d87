"""How large a body may be, and requests that are answered before all of it came."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.errors import PayloadTooLarge

LINGER_BYTES: Final = 64 * 1024 * 1024
LINGER_S: Final = 5.0


class UnreadBodies:
    """ASGI middleware that ends the connection of a request whose body was not read to its end.

    Otherwise a client that is refused early would go on sending all of a large upload, or without
    end. The answer goes out at once; what still arrives is dropped for a while, because a
    connection that is closed over unread bytes is reset, and many clients then never see the
    answer.

    Args:
        app: the application.
        linger_bytes: how much is dropped at most.
        linger_s: for how long, in seconds.
    """

    def __init__(
        self, app: ASGIApp, *, linger_bytes: int = LINGER_BYTES, linger_s: float = LINGER_S
    ) -> None:
        self._app = app
        self._linger_bytes = linger_bytes
        self._linger_s = linger_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        # Reading would ask a client that waits for permission to send after all.
        is_waiting = any(name == b"expect" for name, _ in scope["headers"])
        lingers = False

        async def answer(message: Message) -> None:
            nonlocal lingers
            if message["type"] == "http.response.start" and not body.complete:
                lingers = body.started or not is_waiting
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            elif lingers and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self._drop_rest(body)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, body.receive, answer)

    async def _drop_rest(self, body: _Body) -> None:
        left = self._linger_bytes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                while left > 0 and not body.complete:
                    left -= len((await body.receive()).get("body", b""))


class _Body:
    """A request's body, and how far it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.started = False
        self.complete = False

    async def receive(self) -> Message:
        self.started = True
        message = await self._receive()
        self.complete = self.complete or not message.get("more_body", False)
        return message


def limited(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> Receive:
    """The same, up to ``limit`` bytes; ``PayloadTooLarge`` when more is declared, or comes."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
        return message

    return counted


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
