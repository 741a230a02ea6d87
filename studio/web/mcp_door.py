"""``/mcp``: where agents knock. The protocol's library, slow to read, stands behind it later."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.errors import InvalidRequest, Unavailable
from studio.models import Scope as KeyScope
from studio.waits import set_within
from studio.web.bodies import limited
from studio.web.caller import caller

MAX_UPLOAD: Final = 3 * 1024 * 1024
"""Bytes of a file that an agent hands over."""
MAX_BODY: Final = MAX_UPLOAD // 3 * 4 + 512 * 1024
"""The largest picture in base64, and room for the words around it."""
_START_S: Final = 10.0


class McpDoor:
    """The protocol's two addresses, and the way from there to its server."""

    def __init__(self) -> None:
        self._leads_to: ASGIApp | None = None
        self._open = asyncio.Event()
        self.wanted = asyncio.Event()
        """Somebody has knocked."""

    def lead_to(self, server: ASGIApp) -> None:
        """From now on that answers."""
        self._leads_to = server
        self._open.set()

    def close(self) -> None:
        """Nothing answers any more."""
        self._open.clear()

    def routes(self) -> APIRouter:
        """Both addresses, since agents are told one or the other. There is no stream to open."""
        router = APIRouter(tags=["Agents"])

        @router.post("/mcp", summary="Tools for agents", include_in_schema=False)
        @router.post("/mcp/", summary="Tools for agents", include_in_schema=False)
        async def exchange(request: Request) -> Response:
            caller(request, KeyScope.JOBS)
            kind = request.headers.get("content-type", "").partition(";")[0]
            if kind.strip().lower() != "application/json":
                raise InvalidRequest("A message to /mcp is application/json.")
            self.wanted.set()
            if not await set_within(self._open, _START_S) or self._leads_to is None:
                raise Unavailable("Studio is starting or stopping.", retry_after_s=2)
            return _Exchange(self._leads_to)

        return router


class _Exchange(Response):
    """An answer that the protocol's own server writes."""

    def __init__(self, server: ASGIApp) -> None:
        super().__init__()
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The library would refuse what is too large as well, but without a word.
        await self._server(scope, limited(receive, dict(scope["headers"]), MAX_BODY), send)
