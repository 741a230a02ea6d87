"""``/mcp``: Studio for agents, by the Model Context Protocol over streamable HTTP.

Every request stands alone: no session, so nothing of one outlives a restart, and none can be taken
over. Who calls was found by the door; which tools there are for them, by their scopes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from studio.errors import (
    InvalidRequest,
    NotFound,
    Unavailable,
    UpstreamError,
)
from studio.logs import request_id
from studio.models import Scope as KeyScope
from studio.version import VERSION
from studio.web.bodies import limited
from studio.web.caller import caller
from studio.web.mcp_files import MAX_UPLOAD
from studio.web.mcp_tools import Call, Tool, refused

log = logging.getLogger(__name__)

_START_S: Final = 10.0
_MAX_BODY: Final = MAX_UPLOAD // 3 * 4 + 512 * 1024
"""The largest picture in base64, and room for the words around it."""
_ABOUT: Final = (
    "Studio makes pictures, videos and sounds with ComfyUI. Find a preset or a workflow with "
    "list_presets and list_workflows, see its parameters with describe, run it, wait with wait_job "
    "and look at what it made with fetch_result. Files are given as {'asset': id}."
)


class McpServer:
    """An ASGI application for the two addresses, and what has to run behind it.

    Args:
        tools: what agents can do.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._runs = asyncio.Event()
        server: Server[Any] = Server(
            "studio",
            title="Studio",
            version=VERSION,
            instructions=_ABOUT,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        # Origins and hosts are the door's business, which knows how people reach Studio.
        self._manager = StreamableHTTPSessionManager(
            server, stateless=True, max_request_body_size=_MAX_BODY
        )

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
            try:
                async with asyncio.timeout(_START_S):
                    await self._runs.wait()
            except TimeoutError as error:
                raise Unavailable("Studio is starting or stopping.", retry_after_s=2) from error
            return _Exchange(self._manager)

        return router

    async def run(self) -> None:
        """Serve until cancelled: what is asked then ends with it."""
        async with self._manager.run():
            self._runs.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._runs.clear()

    async def _list(
        self, context: ServerRequestContext[Any, Any], _: PaginatedRequestParams | None
    ) -> ListToolsResult:
        identity = caller(_request(context), KeyScope.JOBS)
        return ListToolsResult(
            tools=[tool.listed() for tool in self._tools.values() if tool.is_for(identity)]
        )

    async def _call(
        self, context: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult:
        request = _request(context)
        call = Call(caller(request, KeyScope.JOBS), request, context.session.report_progress)
        tool = self._tools.get(params.name)
        if tool is None:
            return refused(NotFound(f"There is no tool {params.name[:60]!r}."))
        try:
            return await tool.call(call, params.arguments or {})
        except Exception:
            # The library would show strangers what it says.
            log.exception("tool %s failed in request %s", tool.name, request_id.get())
            return refused(UpstreamError("Something went wrong inside Studio; its log has more."))


class _Exchange(Response):
    """An answer that the protocol's own server writes."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        super().__init__()
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The library would refuse what is too large as well, but without a word.
        receive = limited(receive, dict(scope["headers"]), _MAX_BODY)
        await self._manager.handle_request(scope, receive, send)


def _request(context: ServerRequestContext[Any, Any]) -> Request:
    assert isinstance(context.request, Request)
    return context.request
