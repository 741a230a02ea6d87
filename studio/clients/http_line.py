"""Small requests to an engine over plain HTTP, at a third of a general client's cost.

Every job makes one such request, and on a busy machine the client's share of it was a tenth of what
a job costs (docs/performance.md). Everything that is rare stays with the general client.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

_CONNECT_TIMEOUT_S: Final = 5.0
_IDLE_S: Final = 30.0
_MAX_IDLE: Final = 4


class Unreachable(Exception):
    """No connection: the request cannot have been received."""


class AnswerLost(Exception):
    """The request may have been received; its answer did not come, or cannot be read."""


class HttpLine:
    """Connections to one server that stay open between requests.

    Args:
        base_url: ``http://host[:port][/path]`` without a user.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        self._address = (parts.hostname, parts.port or 80)
        self._prefix = parts.path.rstrip("/")
        self._host = parts.netloc
        self._idle: list[tuple[_Connection, float]] = []

    @staticmethod
    def speaks(base_url: str) -> bool:
        """Whether an address is one that this client can talk to."""
        parts = urlsplit(base_url)
        is_plain = base_url.isascii() and " " not in base_url and "@" not in parts.netloc
        return parts.scheme == "http" and bool(parts.hostname) and is_plain

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> tuple[int, bytes]:
        """Send JSON and return status and body of the answer.

        Raises:
            Unreachable, AnswerLost.
        """
        connection = self._take() or await self._connect()
        request = (
            f"POST {self._prefix}{path} HTTP/1.1\r\nHost: {self._host}\r\n"
            "Content-Type: application/json\r\nAccept-Encoding: identity\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1")
        try:
            async with asyncio.timeout(timeout_s):
                answer = await connection.exchange(request + body)
        except TimeoutError:
            connection.close()
            raise AnswerLost("no answer in time") from None
        except BaseException:
            connection.close()
            raise
        if connection.reusable and len(self._idle) < _MAX_IDLE:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close what is open and idle."""
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()

    def _take(self) -> _Connection | None:
        now_s = time.monotonic()
        while self._idle:
            connection, since_s = self._idle.pop()
            if connection.reusable and now_s - since_s < _IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(_Connection, *self._address)
        except (TimeoutError, OSError) as error:
            raise Unreachable(str(error) or "no connection in time") from error
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time over one connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []
        self._sized = self._headed = False
        self.reusable = True

    def exchange(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; its answer arrives in the future."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._body, self._sized, self._headed = [], False, False
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """End it, whatever is under way."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # -- what the transport calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The event loop's own class need not be asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer cannot be read: {error}")
            self.close()

    def eof_received(self) -> None:
        self.reusable = False

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        if self._headed and not self._sized and error is None:
            # An answer without a length ends where the connection does.
            self.on_message_complete()
        self._fail("the connection was closed")

    # -- what the parser calls -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            # Nobody asked for this: what comes next could not be told apart.
            self.close()

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._sized = True

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            # Only the promise of an answer, such as 100 Continue.
            self._headed = self._sized = False
            return
        if not self._parser.should_keep_alive():
            self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, b"".join(self._body)))

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(AnswerLost(reason))
