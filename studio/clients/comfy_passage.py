"""Requests and WebSockets of a browser, passed on to one engine as streams.

Bytes go through as they are, in both directions and as slowly as the slower side reads: nothing is
unpacked, collected or followed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

MAX_FRAME_BYTES: Final = 64 << 20
_CHUNK_BYTES: Final = 1 << 17
_CONNECT_TIMEOUT_S: Final = 5.0
_NORMAL, _GOING_AWAY = 1000, 1001

Header = tuple[str, str]


class PassageClosed(Exception):
    """The engine cannot be reached, or hung up."""


@dataclass(frozen=True, slots=True)
class PassedAnswer:
    """An engine's answer: its headers as they came, and its body as it comes."""

    status: int
    headers: tuple[Header, ...]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class PassedClose:
    """The end of a WebSocket, with a code that may be sent."""

    code: int
    reason: str = ""


class PassedSocket:
    """An open WebSocket to an engine."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @property
    def subprotocol(self) -> str | None:
        return self._socket.protocol

    async def send(self, frame: str | bytes) -> None:
        """Send one frame.

        Raises:
            PassageClosed: it is closed.
        """
        try:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)
        except (aiohttp.ClientError, ConnectionError, RuntimeError) as error:
            raise PassageClosed(str(error)) from error

    async def receive(self) -> str | bytes | PassedClose:
        """The next frame, or how it ended."""
        message = await self._socket.receive()
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            frame: str | bytes = message.data
            return frame
        if message.type is aiohttp.WSMsgType.CLOSE:
            return PassedClose(sendable(message.data), str(message.extra or ""))
        return PassedClose(sendable(self._socket.close_code))

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await self._socket.close(code=sendable(code), message=reason.encode()[:120])


class ComfyPassage:
    """The way into one engine.

    Args:
        base_url: without a trailing slash.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        # Many files of a page, and waits for slow ones, must not hold each other up.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=128, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        await self._session.close()

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[Header],
        body: AsyncIterator[bytes] | bytes | None,
    ) -> AsyncIterator[PassedAnswer]:
        """The engine's answer, while the block lasts.

        Args:
            target: path and query exactly as they are to be sent.

        Raises:
            PassageClosed: there is none; inside the block, its body broke off.
        """
        try:
            async with self._session.request(
                method,
                URL(self.base_url + target, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as answer:
                yield PassedAnswer(
                    answer.status,
                    tuple(answer.headers.items()),
                    answer.content.iter_chunked(_CHUNK_BYTES),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PassageClosed(str(error)) from error

    async def connect(
        self, target: str, headers: Sequence[Header], subprotocols: Sequence[str]
    ) -> PassedSocket:
        """An open WebSocket.

        Raises:
            PassageClosed: the engine does not open one.
        """
        try:
            return PassedSocket(
                await self._session.ws_connect(
                    URL(self.base_url + target, encoded=True),
                    headers=headers,
                    protocols=tuple(subprotocols),
                    max_msg_size=MAX_FRAME_BYTES,
                    compress=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PassageClosed(str(error)) from error


def sendable(code: int | None) -> int:
    """A close code that may be written into a frame; some only describe what happened."""
    if code is None or code in (1005, 1006, 1015):
        return _GOING_AWAY
    return code if 1000 <= code < 5000 and code != 1004 else _GOING_AWAY
