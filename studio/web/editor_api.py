"""The way from Studio to ComfyUI's own editor."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.editor import EditorService
from studio.services.editor_graphs import EditorGraphs, GraphSource
from studio.settings import Settings
from studio.web import system_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, optional_text
from studio.web.comfy_handover import check_ids, parameters
from studio.web.comfy_proxy import ENTER_PATH
from studio.web.respond import json_response


def editor_routes(editor: EditorService, graphs: EditorGraphs, settings: Settings) -> APIRouter:
    """The route under ``/api/editor``; ``settings`` are those of the opened ports."""
    router = APIRouter(prefix="/api", tags=["Editor"])

    @router.post(
        "/editor/open",
        summary="A link into ComfyUI's editor: once, within 30 s",
        **schemas.OPEN_EDITOR,
    )
    async def open_editor(request: Request) -> Response:
        identity = caller(request, Scope.EDITOR)
        body = known_fields(await json_body(request), frozenset({"job", "workflow"}))
        named = GraphSource(optional_text(body, "job"), optional_text(body, "workflow"))
        check_ids(list(parameters(named).values()))
        await graphs.check(identity, named)
        code = editor.open(identity)
        base = settings.comfy_public_url
        if base is None:
            here = request.url.replace(port=settings.comfy_port, path="", query="", fragment="")
            base = str(here).rstrip("/")
        query = urlencode({"code": code, **parameters(named)})
        return json_response({"url": f"{base}{ENTER_PATH}?{query}"})

    return router
