"""An engine that tells what reached it, and answers what a careless one might."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

CARELESS = {
    "Set-Cookie": "studio-editor=planted; Path=/",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "X-Frame-Options": "ALLOWALL",
    "Strict-Transport-Security": "max-age=1",
    "Clear-Site-Data": '"*"',
    "X-Engine": "kept",
}
PAGE = """<!doctype html><html><head lang="en"><title>An editor</title></head></html>"""
CHUNK = b"0123456789abcdef" * 4096
LARGE_BYTES = 400 * len(CHUNK)


@dataclass(frozen=True)
class Seen:
    """One request as it arrived: ``headers`` with lower-case names."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body_hash: str
    body_bytes: int

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.headers}


class EchoEngine:
    """``seen`` has every request but Studio's own, ``sockets`` every handshake."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.sockets: list[Seen] = []
        self.closed: asyncio.Queue[int | None] = asyncio.Queue()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=256 << 20)
        self.add_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Everything is answered by the echo."""
        router.add_get("/editor-ws", self._socket)
        router.add_route("*", "/{path:.*}", self._answer)

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/system_stats":
            # Studio asks this now and then: an engine that is too old is left alone.
            return web.json_response({"system": {"comfyui_version": "0.1.0"}})
        if request.path == "/queue" and request.method == "GET":
            return web.json_response({"queue_running": [], "queue_pending": []})
        seen = await see(request)
        self.seen.append(seen)
        if request.path == "/" and request.query:
            return web.Response(text=PAGE, content_type="text/html", headers={"ETag": '"page"'})
        if request.path == "/large":
            return await _large(request)
        if request.path == "/breaks":
            return await _breaks(request)
        if request.path == "/unchanged":
            return web.Response(status=304, headers={"ETag": '"1"'})
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": f"{self.url}/there"})
        content: dict[str, Any] = {"target": seen.target, "body_hash": seen.body_hash}
        return web.json_response(content, headers=CARELESS)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.sockets.append(await see(request))
        if "refuse" in request.query:
            return web.Response(status=418)
        socket = web.WebSocketResponse(max_msg_size=128 << 20, protocols=("frames",))
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("close "):
                await socket.close(code=int(message.data[6:]), message=b"as asked")
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        self.closed.put_nowait(socket.close_code)
        return socket


async def see(request: web.Request) -> Seen:
    """Read all of a request."""
    digest, size = hashlib.sha256(), 0
    async for chunk in request.content.iter_any():
        digest.update(chunk)
        size += len(chunk)
    headers = tuple((name.lower(), value) for name, value in request.headers.items())
    return Seen(request.method, request.raw_path, headers, digest.hexdigest(), size)


async def _large(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": str(LARGE_BYTES)})
    await answer.prepare(request)
    for _ in range(LARGE_BYTES // len(CHUNK)):
        await answer.write(CHUNK)
    return answer


async def _breaks(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"the beginning")
    await asyncio.sleep(0.05)
    assert request.transport is not None
    request.transport.abort()
    return answer
