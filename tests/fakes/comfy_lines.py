"""The sockets of the fake ComfyUI, and the gates that hold what it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

STAGES = ("accept", "reply", "start", "node", "history", "view")


@dataclass(eq=False)
class Line:
    """One client's WebSocket and how many frames it got."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    frames: int = 0


class Lines(ABC):
    """Every client's socket.

    Attributes:
        arrived: how many came to each stage.
        cut_after: frames after which a socket is cut, or ``None``.
        deaf: sockets get no frame at all.
        garble: the type of frames that are cut in half, or ``None``.
        on_frame: hears the type of every frame of a prompt before it is sent.
    """

    def __init__(self) -> None:
        self.sockets: dict[str, Line] = {}
        self.cut_after: int | None = None
        self.deaf = False
        self.garble: str | None = None
        self.sockets_opened = 0
        self.frames_sent = 0
        self.on_frame: Callable[[str], None] | None = None
        self.gates = {stage: asyncio.Event() for stage in STAGES}
        self.arrived: Counter[str] = Counter()
        self.open_all()

    @property
    @abstractmethod
    def remaining(self) -> int:
        """How many prompts wait or run."""

    def hold(self, stage: str) -> None:
        """Let nothing pass ``stage`` any more."""
        self.gates[stage].clear()

    def release(self, stage: str) -> None:
        self.gates[stage].set()

    def open_all(self) -> None:
        for gate in self.gates.values():
            gate.set()

    async def pass_(self, stage: str) -> None:
        self.arrived[stage] += 1
        await self.gates[stage].wait()

    @staticmethod
    def hang_up(request: web.Request) -> web.Response:
        """Cut the line instead of answering."""
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.abort()
        return web.Response()

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.sockets_opened += 1
        client_id = request.query["clientId"]
        assert isinstance(request.transport, asyncio.Transport)
        self.sockets[client_id] = line = Line(socket, request.transport)
        await self._send(line, self._status_frame())
        with contextlib.suppress(ConnectionError):
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
        # As in ComfyUI, one that closes late takes its successor's registration with it.
        self.sockets.pop(client_id, None)
        return socket

    def _status_frame(self) -> str:
        return json.dumps(
            {
                "type": "status",
                "data": {"status": {"exec_info": {"queue_remaining": self.remaining}}},
            }
        )

    async def tell_status(self) -> None:
        for line in list(self.sockets.values()):
            await self._send(line, self._status_frame())

    async def tell(self, entry: list[Any], kind: str, data: dict[str, Any]) -> None:
        line = self.sockets.get(entry[3]["client_id"])
        if self.on_frame is not None:
            self.on_frame(kind)
        if line is not None:
            content = {"type": kind, "data": {**data, "prompt_id": entry[1]}}
            text = json.dumps(content)
            await self._send(line, text[: len(text) // 2] if kind == self.garble else text)

    async def send_raw(self, frame: str | bytes) -> None:
        """Put one frame of any content on every socket."""
        for line in list(self.sockets.values()):
            await self._send(line, frame)

    async def _send(self, line: Line, frame: str | bytes) -> None:
        if self.deaf or line.socket.closed:
            return
        if self.cut_after is not None and line.frames >= self.cut_after:
            self.cut(line)
            return
        line.frames += 1
        self.frames_sent += 1
        with contextlib.suppress(ConnectionError, RuntimeError):
            if isinstance(frame, str):
                await line.socket.send_str(frame)
            else:
                await line.socket.send_bytes(frame)

    def cut(self, line: Line) -> None:
        """Break one socket's connection."""
        line.transport.abort()
        for client_id, known in list(self.sockets.items()):
            if known is line:
                del self.sockets[client_id]

    def cut_all(self) -> None:
        """Break every socket."""
        for line in list(self.sockets.values()):
            self.cut(line)
