"""Studio's WebSockets below ASGI: frames that many share, and an end for whoever does not read."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_READY: Final = "studio.frames"
_TEXT: Final = 0x81
_BINARY: Final = 0x82


class BoundedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with two differences.

    It takes frames that are ready, so what goes to 500 clients is framed once, and what waits for
    one of them is one write. And it is cut once nobody can be waiting for its last bytes any more:
    closing a transport waits until all it was given is read, so a client that never reads would
    keep its socket and its buffer for good.
    """

    linger_s: ClassVar[float] = 10.0
    """How long what was said last may take to be read."""
    _lingering: asyncio.TimerHandle | None = None

    async def send(self, message: Any) -> None:
        """As uvicorn's: waits while the transport's buffer is full."""
        frames: bytes | None = message.get(_READY)
        if frames is None:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.close_rcvd is not None:
            raise ClientDisconnected
        self.transport.write(frames)

    def keepalive_timeout(self) -> None:
        """No pong came: whoever is there reads nothing."""
        super().keepalive_timeout()
        self.disconnected = True
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve, and a while later be gone."""
        await super().run_asgi()
        if not self.disconnected:
            self._lingering = self.loop.call_later(self.linger_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing keeps a connection in memory that is gone."""
        super().connection_lost(exc)
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None


def ready_message(frames: Iterable[bytes]) -> dict[str, Any]:
    """The ASGI message that sends frames as they are; only a ``BoundedSocket`` understands it."""
    return {"type": "websocket.send", _READY: b"".join(frames)}


def text_frame(data: bytes) -> bytes:
    """A whole text message, uncompressed, as a server sends it."""
    return _head(_TEXT, len(data)) + data


def binary_frame(data: bytes) -> bytes:
    """A whole binary message, uncompressed, as a server sends it."""
    return _head(_BINARY, len(data)) + data


def _head(kind: int, length: int) -> bytes:
    if length < 126:
        return struct.pack(">BB", kind, length)
    if length < 1 << 16:
        return struct.pack(">BBH", kind, 126, length)
    return struct.pack(">BBQ", kind, 127, length)
