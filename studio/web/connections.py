"""Connections below ASGI: how many may be open, and how long and how large a head may be.

Whoever reaches a port can open connections and begin requests without an account. A descriptor
that a stranger holds is one that the store, the lease and the engines lack, so there is an end to
how many are open, to how many of them one address has, and to each that asks for nothing, or reads
nothing of its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import resource
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from weakref import WeakSet

import h11
import orjson
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from studio.services.throttle import network_of
from studio.web import whole_answers
from studio.web.headers import ALWAYS

MAX_HEAD_BYTES: Final = 64 * 1024
"""A request's line and its headers; also what may come between two pieces of its body."""
HEAD_S: Final = 15.0
"""How long a head may take, from the connection or from its own first byte."""
UNREAD_S: Final = 30.0
"""How long a stranger's connection may keep an answer waiting, or the rest of one."""
MAX_CONNECTIONS: Final = 4096
DROP: Final = "studio.drop"
"""Where in its scope a request has what ends its connection at once; not on every server."""
_SHARE: Final = 4
"""One address has at most this part of them."""
_ENOUGH_FILES: Final = 10_240
"""Where the hard limit is more than the system gives (it may say "unlimited")."""

_states: WeakSet[ServerState] = WeakSet()
"""The open ports; uvicorn keeps their connections there, WebSockets too."""


def raise_file_limit() -> None:
    """Let this process open as many files as it may; a shell's usual 1024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, max(soft, _ENOUGH_FILES)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return


def open_connections() -> int:
    """How many are open on all ports, WebSockets too."""
    return sum(len(each.connections) for each in _states)


def most_connections() -> int:
    """Half of what this process may open: most connections need a second file for their answer."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(soft // 2, MAX_CONNECTIONS)


def largest_share() -> int:
    """How many of them one address may have."""
    return max(1, most_connections() // _SHARE)


def _is_full(newcomer: _Bounded) -> bool:
    """Whether there is no place for one more, or none for one more from there."""
    if newcomer.client is None:
        # The owner's own socket has no addresses and is always open.
        return False
    if open_connections() > most_connections():
        return True
    host = newcomer.client[0]
    if speaks_for_many(host, tuple(newcomer.config.forwarded_allow_ips)):
        return False
    whose = network_of(host)
    clients = (getattr(each, "client", None) for state in _states for each in state.connections)
    count = sum(client is not None and network_of(client[0]) == whose for client in clients)
    return count > largest_share()


@functools.lru_cache(maxsize=1024)
def speaks_for_many(host: str, proxies: tuple[str, ...]) -> bool:
    """Whether an address says nothing of who comes: a proxy's, or a tunnel's on this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or any(address in ipaddress.ip_network(one) for one in proxies)


def _refusal(status: HTTPStatus, code: str, message: str) -> bytes:
    """A whole answer that ends the connection, in the envelope of every other."""
    error = {"code": code, "message": message, "details": None}
    body = orjson.dumps({"error": error})
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}".encode(),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
        *(b"%s: %s" % pair for pair in ALWAYS),
    ]
    return b"\r\n".join([*lines, b"", body])


class _HeadTimer:
    """Ends a connection whose request does not begin, or does not get past its head."""

    def __init__(self, protocol: BoundedHttp | BoundedEditorHttp) -> None:
        self._protocol = protocol
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to wait; no later start moves the end."""
        if self._handle is None:
            self._handle = self._protocol.loop.call_later(HEAD_S, self._end)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _end(self) -> None:
        self._handle = None
        cycle = self._protocol.cycle
        if cycle is not None and not cycle.response_complete:
            # A head behind a request that is still answered: nothing is read meanwhile.
            self.start()
        else:
            self._protocol.transport.abort()


class _UnreadTimer:
    """Ends a stranger's connection that leaves an answer unread: closing it would wait for ever.

    Who is known may read as slowly as a film that was paused.
    """

    def __init__(self, protocol: BoundedHttp | BoundedEditorHttp) -> None:
        self._protocol = protocol
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to wait, from now on."""
        self.stop()
        transport = self._protocol.transport
        if self._protocol.client is not None and transport.get_write_buffer_size():
            self._handle = self._protocol.loop.call_later(UNREAD_S, self._end)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _end(self) -> None:
        self._handle = None
        transport, scope = self._protocol.transport, self._protocol.answered
        is_known = any(scope.get(name) is not None for name in ("studio.identity", "studio.visit"))
        if transport.get_write_buffer_size() and not is_known:
            transport.abort()


class _Bounded(asyncio.Protocol):
    """What both ports share, whatever parses their requests: places, and what is left unread."""

    client: tuple[str, int] | None
    config: Config
    _timer: _HeadTimer
    _unread: _UnreadTimer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """One too many hears so and is let go."""
        super().connection_made(transport)
        if _is_full(self):
            _turn_away(transport)
        else:
            self._timer.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing waits any more."""
        self._timer.stop()
        self._unread.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be read than is held for long."""
        super().pause_writing()
        self._unread.start()

    def resume_writing(self) -> None:
        """It is being read."""
        super().resume_writing()
        self._unread.stop()


class BoundedHttp(_Bounded, HttpToolsProtocol):
    """uvicorn's HTTP with ends that its parser lacks, for how many, how long and how large."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _states.add(self.server_state)
        self.answered: Mapping[str, Any] = {}
        """The request that is being answered, or was last."""
        self._timer = _HeadTimer(self)
        self._unread = _UnreadTimer(self)
        self._in_head = True
        self._unspent = 0
        """Bytes since anything came of them. A parser keeps a header until all of it is there."""

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, in pieces that cannot pass the limit unseen."""
        while data and not self.transport.is_closing():
            size = MAX_HEAD_BYTES - self._unspent
            piece, data = data[:size], data[size:]
            self._unspent += len(piece)
            super().data_received(piece)
            if self.transport.get_protocol() is not self:
                self._unread.stop()
                return
            if self._unspent >= MAX_HEAD_BYTES:
                self._refuse_head()
            elif self._in_head and self._unspent:
                self._timer.start()

    def on_headers_complete(self) -> None:
        """The head is there: what follows is the body's own matter."""
        self._in_head = False
        self._unspent = 0
        self._timer.stop()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """As uvicorn's."""
        self._unspent = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next head may begin."""
        self._in_head = True
        self._unspent = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is left of the answer has its time too."""
        super().on_response_complete()
        self._unread.start()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.answered = cycle.scope
        cycle.scope[DROP] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        whole_answers.offer(cycle)
        super()._start_asgi_task(cycle, app)

    def _refuse_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            message = f"A request's line and headers have at most {MAX_HEAD_BYTES} bytes."
            self.transport.write(_refusal(status, "invalid_request", message))
            self.transport.close()
        else:
            # Trailers without end; an answer is under way.
            self.transport.abort()


class BoundedEditorHttp(_Bounded, H11Protocol):
    """The same for the editor's port; h11 itself limits how large a head may be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _states.add(self.server_state)
        self._timer = _HeadTimer(self)
        self._unread = _UnreadTimer(self)

    @property
    def answered(self) -> Mapping[str, Any]:
        """The request that is being answered, or was last."""
        return self.cycle.scope if self.cycle is not None else {}

    def data_received(self, data: bytes) -> None:
        """As uvicorn's."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._timer.stop()
        elif self.conn.trailing_data[0]:
            self._timer.start()
        if self.transport.get_protocol() is not self:
            self._unread.stop()

    def on_response_complete(self) -> None:
        """What is left of the answer has its time too."""
        super().on_response_complete()
        self._unread.start()


def _turn_away(transport: asyncio.Transport) -> None:
    message = "Too many connections are open."
    transport.write(_refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", message))
    transport.close()
