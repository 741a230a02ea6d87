"""The WebSocket clients, and the frames that go to them in order."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import ClientError, WSMsgType, web

from studio.embedded import features

log = logging.getLogger(__name__)

_PREVIEW_IMAGE = 1
_PREVIEW_IMAGE_WITH_METADATA = 4
_JPEG = 1
_SEND_TIMEOUT_S = 10.0

Frame = str | bytes


class Hub:
    """Sockets by client id.

    A second socket under an id takes the place of the first, which stays open and hears nothing
    more. Whichever of the two closes first removes the id: that is how ComfyUI does it, and
    clients have to cope with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.client_id: str | None = None
        self.node_id: str | None = None
        self._loop = loop
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._flags: dict[str, dict[str, Any]] = {}
        self._open: set[web.WebSocketResponse] = set()
        self._outbox: deque[tuple[str | None, Frame]] = deque()
        self._wake = asyncio.Event()

    def publish(self, event: str, data: Mapping[str, Any], client_id: str | None) -> None:
        """Queue an event for one client, or for all when ``client_id`` is None. Any thread."""
        self._post(client_id, json.dumps({"type": event, "data": data}))

    def publish_preview(
        self, jpeg: bytes, metadata: Mapping[str, Any] | None, client_id: str | None
    ) -> None:
        """Queue a preview frame, of the kind with metadata when there is any. Any thread."""
        if metadata is None:
            header = struct.pack(">II", _PREVIEW_IMAGE, _JPEG)
        else:
            described = json.dumps({**metadata, "image_type": "image/jpeg"}).encode()
            header = struct.pack(">II", _PREVIEW_IMAGE_WITH_METADATA, len(described)) + described
        self._post(client_id, header + jpeg)

    def wants_metadata(self, client_id: str | None) -> bool:
        """Say whether that client announced that it understands previews with metadata."""
        flags = self._flags.get(client_id, {}) if client_id is not None else {}
        return flags.get("supports_preview_metadata") is True

    async def pump(self) -> None:
        """Send queued frames for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                client_id, frame = self._outbox.popleft()
                await self._send(client_id, frame)

    async def serve(
        self, request: web.Request, status: Callable[[], Mapping[str, Any]]
    ) -> web.WebSocketResponse:
        """Serve one socket until it closes. ``status()`` is the state that it is greeted with."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId", "") or uuid.uuid4().hex
        self._sockets[client_id] = socket
        self._flags[client_id] = {}
        self._open.add(socket)
        try:
            greeting = {"status": status(), "sid": client_id}
            await self._send(client_id, _event("status", greeting))
            if self.client_id == client_id and self.node_id is not None:
                await self._send(client_id, _event("executing", {"node": self.node_id}))
            await self._listen(socket, client_id)
        finally:
            self._open.discard(socket)
            self._sockets.pop(client_id, None)
            self._flags.pop(client_id, None)
        return socket

    async def close(self) -> None:
        """Close every socket."""
        for socket in list(self._open):
            await socket.close()

    async def _listen(self, socket: web.WebSocketResponse, client_id: str) -> None:
        first = True
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                data = json.loads(message.data)
            except ValueError:
                log.warning("A client sent a frame that is not JSON")
                continue
            if (
                first
                and isinstance(data, dict)
                and data.get("type") == "feature_flags"
                and client_id in self._flags
            ):
                flags = data.get("data")
                self._flags[client_id] = flags if isinstance(flags, dict) else {}
                await self._send(client_id, _event("feature_flags", features.SERVER_FEATURES))
            first = False

    def _post(self, client_id: str | None, frame: Frame) -> None:
        self._outbox.append((client_id, frame))
        self._loop.call_soon_threadsafe(self._wake.set)

    async def _send(self, client_id: str | None, frame: Frame) -> None:
        if client_id is None:
            sockets = list(self._sockets.values())
        else:
            sockets = [self._sockets[client_id]] if client_id in self._sockets else []
        for socket in sockets:
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_S):
                    if isinstance(frame, bytes):
                        await socket.send_bytes(frame)
                    else:
                        await socket.send_str(frame)
            except TimeoutError:
                log.warning("A client stopped reading; its socket is dropped")
                await socket.close(drain=False)
            except (ClientError, ConnectionError, RuntimeError) as error:
                log.debug("A frame was not sent: %s", error)


def _event(event: str, data: Mapping[str, Any]) -> str:
    return json.dumps({"type": event, "data": data})
