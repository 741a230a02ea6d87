"""An engine with a custom node's own routes, and with those that install code."""

from __future__ import annotations

import json
import struct

from aiohttp import WSMsgType, web

from tests.fakes.echo_engine import EchoEngine, see

NODE_PATH = "/mynode/do"
INSTALL_PATHS = ("/customnode/install", "/manager/reboot", "/snapshot/restore", "/git/pull")
NODE_FRAME = struct.pack(">I", 1000) + b"of the node's own"
"""A binary frame of a kind that only the node's own page knows."""


class NodeEngine(EchoEngine):
    """``heard`` is what pages told the node by WebSocket, ``installed`` what should not happen.

    Like ComfyUI it serves every route twice, once below ``/api``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.installed: list[str] = []
        self.heard: list[str] = []
        self._pages: list[web.WebSocketResponse] = []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """The node's come before the echo's."""
        for prefix in ("", "/api", "/v2"):
            router.add_get(prefix + NODE_PATH, self._tell)
            router.add_post(prefix + NODE_PATH, self._do)
            for path in INSTALL_PATHS:
                router.add_route("*", prefix + path, self._install)
        router.add_get("/ws", self._events)
        super().add_routes(router)

    async def _tell(self, request: web.Request) -> web.Response:
        self.seen.append(await see(request))
        return web.json_response({"told": request.query.get("what")})

    async def _do(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.seen.append(await see(request))
        for page in self._pages:
            await page.send_json({"type": "mynode.done", "data": asked})
            await page.send_bytes(NODE_FRAME)
        return web.json_response({"did": asked})

    async def _install(self, request: web.Request) -> web.Response:
        self.installed.append(request.raw_path)
        return web.json_response({})

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        self.sockets.append(await see(request))
        page = web.WebSocketResponse()
        await page.prepare(request)
        self._pages.append(page)
        async for message in page:
            if message.type is WSMsgType.TEXT:
                self.heard.append(message.data)
                await page.send_str(json.dumps({"type": "mynode.heard"}))
        self._pages.remove(page)
        return page
