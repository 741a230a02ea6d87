"""How long Studio bears a WebSocket whose other end does not read."""

from __future__ import annotations

from typing import ClassVar

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class BoundedSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which is cut once nobody can be waiting for its last bytes any more.

    Closing a transport waits until all it was given is read, and a client that never reads keeps
    its socket and its buffer for good.
    """

    linger_s: ClassVar[float] = 10.0
    """How long what was said last may take to be read."""

    def keepalive_timeout(self) -> None:
        """No pong came: whoever is there reads nothing."""
        super().keepalive_timeout()
        self.disconnected = True
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Serve, and a while later be gone."""
        await super().run_asgi()
        self.loop.call_later(self.linger_s, self.transport.abort)
