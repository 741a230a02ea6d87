"""The way from Studio to ComfyUI's own editor."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.editor import EditorService
from studio.settings import Settings
from studio.web import system_schemas as schemas
from studio.web.caller import caller
from studio.web.comfy_proxy import ENTER_PATH
from studio.web.respond import json_response


def editor_routes(editor: EditorService, settings: Settings) -> APIRouter:
    """The route under ``/api/editor``; ``settings`` are those of the opened ports."""
    router = APIRouter(prefix="/api", tags=["Editor"])

    @router.post(
        "/editor/open",
        summary="A link into ComfyUI's editor: once, within 30 s",
        **schemas.OPEN_EDITOR,
    )
    async def open_editor(request: Request) -> Response:
        code = editor.open(caller(request, Scope.EDITOR))
        base = settings.comfy_public_url
        if base is None:
            here = request.url.replace(port=settings.comfy_port, path="", query="", fragment="")
            base = str(here).rstrip("/")
        return json_response({"url": f"{base}{ENTER_PATH}?code={code}"})

    return router
