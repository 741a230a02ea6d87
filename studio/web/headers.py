"""Headers that every answer carries, refusals included."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Send

ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cache-control", b"no-store"),
)


_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")


def with_headers(send: Send, request_id: str, *, secure: bool = False) -> Send:
    """``send`` that adds what an answer does not have yet, and the request's id.

    Args:
        secure: people reach Studio by https, and their browsers shall remember that.
    """
    own = [(b"x-request-id", request_id.encode("ascii"))]
    if secure:
        own.append(_HTTPS_ONLY)

    async def sender(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = list(message.get("headers", ()))
            present = {key.lower() for key, _ in headers}
            headers += [pair for pair in ALWAYS if pair[0] not in present]
            headers += own
            message = {**message, "headers": headers}
        await send(message)

    return sender
