"""One POST to a receiver of webhooks: judged, bounded in time and size, never led elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from studio.clients.outbound import OutboundTransport
from studio.errors import StudioError
from studio.net import Outbound

MAX_ANSWER_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or a code that says why none did."""

    status: int | None
    error: str | None
    text: str
    duration_ms: int
    retry_after_s: float | None = None


class WebhookReceiver:
    """Posts to receivers.

    Args:
        outbound: which places may be reached; each connection is judged when it is made.
        timeout_s: for a whole attempt, from the name's look-up to the end of the answer.
    """

    def __init__(self, outbound: Outbound, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            transport=OutboundTransport(outbound),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it; every way in which that fails is an answer too."""
        began = time.monotonic()
        status: int | None = None
        error: str | None = None
        said, retry_after_s = b"", None
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", url, content=body, headers=dict(headers)) as answer,
            ):
                status = answer.status_code
                retry_after_s = _retry_after(answer.headers.get("retry-after"))
                async for chunk in answer.aiter_raw():
                    said += chunk[: MAX_ANSWER_BYTES - len(said)]
                    if len(said) >= MAX_ANSWER_BYTES:
                        break
        except (TimeoutError, httpx.TimeoutException):
            error = "timeout"
        except StudioError as refusal:
            error = refusal.code
        except (httpx.TransportError, httpx.InvalidURL, ValueError, OSError):
            error = "unreachable"
        if status is not None:
            # It has answered: how its words end changes nothing.
            error = _verdict(status)
        text = said.decode("utf-8", "replace").replace("\0", "")
        duration_ms = round((time.monotonic() - began) * 1000)
        return Answer(status, error, text, duration_ms, retry_after_s)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()


def _verdict(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirect" if 300 <= status < 400 else "status"


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        # A year of twenty digits is no ValueError.
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - time.time())
