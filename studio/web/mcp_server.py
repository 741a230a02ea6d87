"""Studio for agents, by the Model Context Protocol over streamable HTTP.

Every request stands alone: no session, so nothing of one outlives a restart, and none can be taken
over. Who calls was found by the door; which tools there are for them, by their scopes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams
from starlette.requests import Request

from studio.errors import NotFound, UpstreamError
from studio.logs import request_id
from studio.models import Scope as KeyScope
from studio.version import VERSION
from studio.web.caller import caller
from studio.web.mcp_door import MAX_BODY, McpDoor
from studio.web.mcp_tools import Call, Tool, refused

log = logging.getLogger(__name__)

_ABOUT: Final = (
    "Studio makes pictures, videos and sounds with ComfyUI. Find a preset or a workflow with "
    "list_presets and list_workflows, see its parameters with describe, run it, wait with wait_job "
    "and look at what it made with fetch_result. Files are given as {'asset': id}."
)


class McpServer:
    """What stands behind the door: the protocol, and the tools.

    Args:
        tools: what agents can do.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
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
            server, stateless=True, max_request_body_size=MAX_BODY
        )

    async def run(self, door: McpDoor) -> None:
        """Answer what comes in at the door until cancelled: what is asked then ends with it."""
        async with self._manager.run():
            door.lead_to(self._manager.handle_request)
            try:
                await asyncio.Event().wait()
            finally:
                door.close()

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


def _request(context: ServerRequestContext[Any, Any]) -> Request:
    assert isinstance(context.request, Request)
    return context.request
