"""The unix socket: one JSON request per line, one JSON answer per line, fixed verbs only.

Requests::

    {"verb": "status"}                          {"verb": "status", "name": "comfyui"}
    {"verb": "start", "name": "comfyui"}        {"verb": "stop", "name": "comfyui"}
    {"verb": "signal", "name": "comfyui", "signal": "KILL"}

An answer is ``{"bootstrap": {...}, "children": {name: child}}`` for the status of all,
``{"child": {...}}`` for one, or ``{"error": {"code", "message"}}``. Answers keep the order of the
requests. No command line, variable or path can be said.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from boot.linux import LINUX, peer
from boot.plan import BootError, Ids

Answer = dict[str, Any]
Reply = Callable[[Answer], None]

SIGNALS: Final = ("TERM", "KILL", "INT", "HUP", "USR1")
_FIELDS: Final = {
    "status": ({"verb"}, {"verb", "name"}),
    "start": ({"verb", "name"},),
    "stop": ({"verb", "name"},),
    "signal": ({"verb", "name", "signal"},),
}
_LINE_BYTES: Final = 4096
_CONNECTIONS: Final = 32
_PATH_BYTES: Final = 107 if LINUX else 103


class Refusal(Exception):
    """A request that is answered by ``{"error": {"code", "message"}}``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def answer(self) -> Answer:
        """The line that is sent."""
        return {"error": {"code": self.code, "message": str(self)}}


@dataclass(frozen=True)
class Request:
    """A line that was understood; ``name`` is None only for the status of all."""

    verb: str
    name: str | None = None
    signal: str | None = None


def parse(line: bytes) -> Request:
    """Read one request.

    Raises:
        Refusal: not JSON, an unknown verb or signal, a missing or an additional field.
    """
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise Refusal("bad_request", "The line is not JSON.") from None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise Refusal("bad_request", "A request is an object of strings.")
    verb = said.get("verb", "")
    if verb not in _FIELDS:
        raise Refusal("unknown_verb", f"The verbs are {', '.join(_FIELDS)}.")
    if set(said) not in _FIELDS[verb]:
        raise Refusal("bad_request", f"The fields of {verb} are wrong.")
    if verb == "signal" and said["signal"] not in SIGNALS:
        raise Refusal("unknown_signal", f"The signals are {', '.join(SIGNALS)}.")
    return Request(verb=verb, name=said.get("name"), signal=said.get("signal"))


def check_path(path: Path) -> None:
    """Raise BootError when no unix socket fits at ``path``: the system allows few bytes."""
    size = len(os.fsencode(path))
    if size > _PATH_BYTES:
        raise BootError(
            f"The folder {path.parent} has too long a name for a socket ({size} bytes, "
            f"{_PATH_BYTES} are possible). Set STUDIO_RUN_DIR to a shorter one."
        )


def holder(path: Path) -> int | None:
    """Pid of the process that listens at ``path``; 0 when unknown, None when nobody does."""
    check_path(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError:
            return 0
        known = peer(probe)
        return known[0] if known else 0


class ControlServer:
    """Listens at ``path`` (0600) inside the caller's selector.

    Args:
        path: replaced when it exists; the caller made sure that nobody listens there.
        owner: who besides root may connect, when that is not this user.
        handle: called for each request with the way to answer, now or later. May raise Refusal.
    """

    def __init__(
        self,
        *,
        path: Path,
        selector: selectors.BaseSelector,
        owner: Ids | None,
        handle: Callable[[Request, Reply], None],
    ) -> None:
        check_path(path)
        self._path = path
        self._selector = selector
        self._handle = handle
        self._uids = {0, os.geteuid()} | ({owner.uid} if owner else set())
        self._connections: set[_Connection] = set()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(before)
        if owner is not None:
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        self._listener.listen(16)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Drop every connection and remove the socket."""
        for connection in list(self._connections):
            connection.close()
        self._selector.unregister(self._listener)
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _accept(self, _events: int) -> None:
        try:
            accepted, _address = self._listener.accept()
        except OSError:
            return
        known = peer(accepted)
        if (known and known[1] not in self._uids) or len(self._connections) >= _CONNECTIONS:
            accepted.close()
            return
        self._connections.add(
            _Connection(accepted, self._selector, self._handle, self._connections.discard)
        )


class _Connection:
    """One client; it is not read while a request waits for its answer."""

    def __init__(
        self,
        accepted: socket.socket,
        selector: selectors.BaseSelector,
        handle: Callable[[Request, Reply], None],
        forget: Callable[[_Connection], None],
    ) -> None:
        accepted.setblocking(False)
        self._socket = accepted
        self._selector = selector
        self._handle = handle
        self._forget = forget
        self._input = b""
        self._output = b""
        self._waiting = False
        self._last = False
        self._open = True
        self._events = 0
        self._watch()

    def close(self) -> None:
        """Answers that come later are dropped."""
        if self._open:
            self._watch(0)
            self._open = False
            self._socket.close()
            self._forget(self)

    def _ready(self, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._output = self._output[self._socket.send(self._output) :]
            if events & selectors.EVENT_READ:
                data = self._socket.recv(_LINE_BYTES)
                self._last = not data
                self._input += data
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._proceed()

    def _proceed(self) -> None:
        while self._open and not self._waiting and not self._output:
            line, end, rest = self._input.partition(b"\n")
            if len(line) > _LINE_BYTES:
                self._input, self._last = b"", True
                self._reply(
                    Refusal("too_large", f"A line has at most {_LINE_BYTES} bytes.").answer()
                )
            elif end:
                self._input, self._waiting = rest, True
                try:
                    self._handle(parse(line), self._reply)
                except Refusal as refusal:
                    self._reply(refusal.answer())
            else:
                break
        if self._last and not self._waiting and not self._output:
            self.close()
        self._watch()

    def _reply(self, answer: Answer) -> None:
        if self._open:
            self._waiting = False
            self._output += json.dumps(answer).encode() + b"\n"
            self._watch()

    def _watch(self, events: int | None = None) -> None:
        """Wait for what makes sense now; for nothing while an answer is being worked out."""
        if not self._open:
            return
        if events is None:
            wanted = selectors.EVENT_WRITE if self._output else selectors.EVENT_READ
            events = 0 if self._waiting else wanted
        if events and self._events:
            self._selector.modify(self._socket, events, self._ready)
        elif events:
            self._selector.register(self._socket, events, self._ready)
        elif self._events:
            self._selector.unregister(self._socket)
        self._events = events
