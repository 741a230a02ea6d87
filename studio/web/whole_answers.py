"""Small answers that leave in one piece.

uvicorn writes an answer's head when it hears of it and the body after that: two calls to the system
and, at the other end, two wake-ups, which for an answer of a few hundred bytes are a good part of
what it costs (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_WRITER: Final = "studio.write_answer"
"""Where in its scope a request has what writes its answer; not every server puts it there."""

Headers = Sequence[tuple[bytes, bytes]]


def offer(cycle: RequestResponseCycle) -> None:
    """Let whoever answers this request do it in one write."""
    scope: dict[str, Any] = cycle.scope  # type: ignore[assignment]
    scope[_WRITER] = partial(_write, cycle)


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Answer a request other than HEAD.

    Args:
        headers: words of our own, which nobody checks any more; the body's length is one of them.
    """
    write = scope.get(_WRITER)
    if write is None or not write(status, headers, body):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _write(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Do what the cycle's own ``send`` does for two messages; ``False`` when that has to wait."""
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    lines = [b"%b: %b\r\n" % pair for pair in (*cycle.default_headers, *headers)]
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    cycle.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
