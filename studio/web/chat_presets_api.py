"""Chat presets under ``/api/chat-presets``."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.chat_presets import ChatPresetService
from studio.web import chat_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.chat_bodies import preset_body
from studio.web.respond import json_response


def chat_preset_routes(presets: ChatPresetService) -> APIRouter:
    """The routes; all need the scope ``jobs``."""
    router = APIRouter(prefix="/api/chat-presets", tags=["Chat"])

    @router.get("", summary="Chat presets: yours and shared ones", **schemas.LIST_PRESETS)
    async def list_chat_presets(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        found = await presets.all(identity)
        return json_response({"items": [preset_body(each, identity.user_id) for each in found]})

    @router.post("", summary="Save a chat preset", **schemas.CREATE_PRESET)
    async def create_chat_preset(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        made = await presets.create(identity, await json_body(request))
        return json_response(preset_body(made, identity.user_id), 201)

    @router.get("/{preset_id}", summary="One chat preset", **schemas.GET_PRESET)
    async def get_chat_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        found = await presets.get(identity, preset_id)
        return json_response(preset_body(found, identity.user_id))

    @router.patch("/{preset_id}", summary="Change what is given of it", **schemas.UPDATE_PRESET)
    async def update_chat_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        changed = await presets.update(identity, preset_id, await json_body(request))
        return json_response(preset_body(changed, identity.user_id))

    @router.delete("/{preset_id}", summary="Delete a chat preset", **schemas.DELETE)
    async def delete_chat_preset(request: Request, preset_id: str) -> Response:
        await presets.delete(caller(request, Scope.JOBS), preset_id)
        return Response(status_code=204)

    return router
