"""A client of the live WebSocket that says much and reads nothing, or only when told to."""

from __future__ import annotations

import asyncio
import base64
import os
import socket

from tests.api.live_house import LiveHouse


async def deaf(house: LiveHouse, *, user: str = "owner") -> socket.socket:
    """A client that subscribes and then reads nothing, with as little room as there may be."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", house.port))
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"X-User: {user}\r\n\r\n"
    )
    await loop.sock_sendall(sock, request.encode())
    await hear(sock, b'"hello"')
    await say(sock, '{"type":"subscribe","topics":["system"]}')
    await hear(sock, b'"snapshot"')
    return sock


async def say(sock: socket.socket, *messages: str) -> None:
    """Say all that at once, masked with zeros, which a server must accept."""
    frames = [
        bytes([0x81, 0x80 | len(message), 0, 0, 0, 0]) + message.encode() for message in messages
    ]
    await asyncio.get_running_loop().sock_sendall(sock, b"".join(frames))


async def hear(sock: socket.socket, word: bytes, times: int = 1) -> None:
    """Read until a word was heard that often."""
    left = b""
    while times > 0:
        data = await asyncio.get_running_loop().sock_recv(sock, 1 << 16)
        assert data, left
        left += data
        times -= left.count(word)
        left = left[left.rfind(word) + len(word) :] if word in left else left[-len(word) :]
