"""Asks bootstrap, over its unix socket, about the named children it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

SignalName = Literal["TERM", "KILL", "INT", "HUP", "USR1"]
State = Literal["running", "stopped", "exited"]

BOOTSTRAP_SOCKET: Final = "bootstrap.sock"
"""Its name in the folder of sockets."""
_ANSWER_BYTES: Final = 4 * 1024 * 1024
_TIMEOUT_S: Final = 5.0
# Bootstrap asks for 5 s before it kills.
_STOP_TIMEOUT_S: Final = 15.0


class SupervisorUnavailable(ConnectionError):
    """Bootstrap is not there, or does not answer."""


class SupervisorRefused(RuntimeError):
    """Bootstrap answered no.

    Attributes:
        code: ``unknown_child``, ``not_running``, ``start_failed``, ``stopping`` or
            ``bad_request`` and its relatives.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ChildExit:
    """How a child ended: by exit ``code`` or by ``signal``, ``at`` unix seconds."""

    code: int | None
    signal: int | None
    at: float


@dataclass(frozen=True)
class ChildStatus:
    """One child. ``pid``, ``start_time`` and ``started_at`` are those of its last start.

    Attributes:
        kind: ``studio``, ``comfyui`` or ``embedded``.
        state: ``stopped`` was never started or was stopped on request, ``exited`` ended itself.
        start_time: clock ticks after the machine's boot; with the pid it names one process.
        started_at: unix seconds.
        exit: the last end there was, also of an earlier start while it runs.
        deliberate: somebody asked for the last end.
        log_tail: its last lines, oldest first; always empty for Studio itself.
        flags: what followed its command line at its last start.
    """

    name: str
    kind: str
    state: State
    pid: int | None
    start_time: int | None
    started_at: float | None
    port: int | None
    url: str | None
    exit: ChildExit | None
    deliberate: bool
    log_tail: tuple[str, ...]
    flags: tuple[str, ...] = ()


class Supervisor:
    """One connection per call.

    Every method raises SupervisorUnavailable, and SupervisorRefused for a name that bootstrap
    does not know.
    """

    def __init__(self, *, socket_path: Path) -> None:
        self._socket_path = socket_path

    @classmethod
    def found(cls, run_dir: Path) -> Supervisor | None:
        """The bootstrap whose socket is in that folder, if there is one."""
        socket_path = run_dir / BOOTSTRAP_SOCKET
        return cls(socket_path=socket_path) if socket_path.exists() else None

    async def status(self) -> dict[str, ChildStatus]:
        """All children by name."""
        answer = await self._ask({"verb": "status"}, timeout_s=_TIMEOUT_S)
        with _readable():
            return {name: _child(said) for name, said in answer["children"].items()}

    async def start(self, name: str) -> ChildStatus:
        """Start ``name``; one that runs already stays as it is.

        Raises:
            SupervisorRefused: ``start_failed``, or ``stopping`` while an end is under way.
        """
        return await self._ask_child({"verb": "start", "name": name}, timeout_s=_TIMEOUT_S)

    async def stop(self, name: str) -> ChildStatus:
        """End ``name`` and everything it started; returns when it is gone (within about 5 s)."""
        return await self._ask_child({"verb": "stop", "name": name}, timeout_s=_STOP_TIMEOUT_S)

    async def signal(self, name: str, sig: SignalName) -> ChildStatus:
        """Send one signal to the process itself; the status may still show it running.

        Raises:
            SupervisorRefused: ``not_running``.
        """
        request = {"verb": "signal", "name": name, "signal": sig}
        return await self._ask_child(request, timeout_s=_TIMEOUT_S)

    async def _ask_child(self, request: Mapping[str, str], *, timeout_s: float) -> ChildStatus:
        answer = await self._ask(request, timeout_s=timeout_s)
        with _readable():
            return _child(answer["child"])

    async def _ask(self, request: Mapping[str, str], *, timeout_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._exchange(json.dumps(request).encode() + b"\n")
        except (OSError, ValueError) as error:
            # ValueError: an answer beyond the limit, which no bootstrap of ours gives.
            raise SupervisorUnavailable("Bootstrap does not answer.") from error
        with _readable():
            answer: dict[str, Any] = json.loads(line)
            refused = answer.get("error")
            if refused is not None:
                raise SupervisorRefused(str(refused["code"]), str(refused["message"]))
        return answer

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._socket_path, limit=_ANSWER_BYTES)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SupervisorUnavailable("Bootstrap's answer cannot be read.") from error


def _child(said: Mapping[str, Any]) -> ChildStatus:
    end = said["exit"]
    return ChildStatus(
        name=said["name"],
        kind=said["kind"],
        state=said["state"],
        pid=said["pid"],
        start_time=said["start_time"],
        started_at=said["started_at"],
        port=said["port"],
        url=said["url"],
        exit=ChildExit(end["code"], end["signal"], end["at"]) if end else None,
        deliberate=said["deliberate"],
        log_tail=tuple(said["log_tail"]),
        # A bootstrap from before an update does not say them.
        flags=tuple(said.get("flags", ())),
    )
