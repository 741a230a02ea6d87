"""One connection to a server elsewhere, asked for one thing after another."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Final

from studio.clients.transfer.records import Cut
from studio.errors import SourceError
from studio.net import Outbound, Place
from studio.version import VERSION

USER_AGENT: Final = f"Studio/{VERSION}"
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_LOST: Final = (OSError, http.client.HTTPException, ValueError)
"""What a connection that ends, or speaks no HTTP, raises; ``ValueError`` of a file closed early."""


class _Connection(http.client.HTTPConnection):
    """Dials the judged addresses; TLS asks for the host's own name."""

    def __init__(self, place: Place, outbound: Outbound, tls: ssl.SSLContext, wait_s: float):
        if place.scheme == "https":
            self.default_port = 443
        super().__init__(place.host, place.port, timeout=wait_s)
        self._place = place
        self._outbound = outbound
        self._tls = tls
        self._wait_s = wait_s

    def connect(self) -> None:
        sock = self._outbound.dial(self._place)
        sock.settimeout(self._wait_s)
        if self._place.scheme == "https":
            sock = self._tls.wrap_socket(sock, server_hostname=self._place.host)
        self.sock = sock


class Answer:
    """The head of an answer; its body is read once, in order."""

    def __init__(self, response: http.client.HTTPResponse, line: Line) -> None:
        self._response = response
        self._line = line
        self.status = response.status
        self.length = self._length()
        self._left = self.length

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def _length(self) -> int | None:
        """Bytes of the body, ``None`` when only its end shows."""
        text = self.header("content-length")
        if self._response.chunked or text is None:
            return None
        if not _LENGTH.fullmatch(text):
            raise Cut("the answer's length cannot be read")
        return int(text)

    def read(self, buffer: memoryview) -> int:
        """Read what is there into ``buffer``; 0 at the end.

        Raises:
            Cut: the connection ended before the body did.
        """
        try:
            count = self._read(buffer)
        except _LOST as error:
            raise self._line.lost(error) from error
        self._line.count(count)
        return count

    def _read(self, buffer: memoryview) -> int:
        if self._left is None:
            data = self._response.read1(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        if self._left == 0:
            return 0
        # Straight into the buffer: the response's own read would copy every byte once more.
        source = self._response.fp
        assert isinstance(source, io.BufferedReader)
        count = source.readinto1(buffer[: min(len(buffer), self._left)])
        if not count:
            raise self._line.lost(None)
        self._left -= count
        return count

    def close(self) -> None:
        """Keep the connection only if the body was read to its end."""
        with contextlib.suppress(*_LOST):
            is_done = self._left == 0 or self._response.isclosed()
            self._response.close()
            if not is_done:
                self._line.close()


class Line:
    """A connection to one place that stays open between requests.

    Another thread may watch it, and ``cut`` it.
    """

    def __init__(
        self, place: Place, outbound: Outbound, tls: ssl.SSLContext, *, wait_s: float
    ) -> None:
        self.origin = place.origin
        self.is_open = True
        self._cut_reason: str | None = None
        self.head_since: float | None = None
        self.received = 0
        self.mark_bytes = 0
        self.mark_at = time.monotonic()
        self._connection = _Connection(place, outbound, tls, wait_s)

    def get(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Ask for something, and wait for the head of the answer.

        Raises:
            Cut: there was none.
            SourceUnreachable: there is no connection.
            SourceError: it is not that server.
        """
        if not self.is_open:
            raise Cut("the connection was given up")
        self.head_since = time.monotonic()
        try:
            self._connection.request(
                "GET",
                target,
                headers={
                    "User-Agent": USER_AGENT,
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                    **headers,
                },
            )
            return Answer(self._connection.getresponse(), self)
        except ssl.SSLCertVerificationError as error:
            raise SourceError(
                f"The certificate of {self.origin[1]} is not valid: {error.verify_message}.",
                details={"host": self.origin[1]},
            ) from None
        except _LOST as error:
            self.close()
            raise self.lost(error) from error
        finally:
            self.head_since = None
            self.mark()

    def count(self, received: int) -> None:
        """Note that bytes came."""
        self.received += received

    def mark(self) -> None:
        """Begin a new stretch of time over which bytes are counted."""
        self.mark_bytes, self.mark_at = self.received, time.monotonic()

    def cut(self, reason: str) -> None:
        """End it from another thread: it stalls. Whoever reads it is told so."""
        self._cut_reason = reason
        sock = self._connection.sock
        if sock is not None:
            # Not the method of a TLS socket: it would pull the state from under its reader.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def lost(self, error: Exception | None) -> Cut:
        """Why the connection brings nothing more."""
        if self._cut_reason is not None:
            return Cut(self._cut_reason, stalled=True)
        if isinstance(error, TimeoutError):
            return Cut("nothing came for a while", stalled=True)
        return Cut("the connection ended early" if error is None else "the connection broke")

    def close(self) -> None:
        """Hang up. Idempotent."""
        self.is_open = False
        with contextlib.suppress(*_LOST):
            self._connection.close()
