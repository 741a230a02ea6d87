"""``/api/drawing-models``: what draws when a program asks for pictures by a model's name."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.drawing_models import DEFAULT, TASKS, DrawingModels, Draws, ModelView
from studio.web import image_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.respond import json_response


def drawing_model_routes(models: DrawingModels) -> APIRouter:
    """The routes: to look needs the scope ``jobs``, to change ``admin``."""
    router = APIRouter(prefix="/api/drawing-models", tags=["OpenAI"])

    @router.get("", summary="What draws under which name", **schemas.LIST_MODELS)
    async def list_models(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response({"items": [_body(view) for view in await models.views(identity)]})

    @router.put("/{name:path}", summary="Say what draws under a name", **schemas.PUT_MODEL)
    async def put_model(request: Request, name: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        return json_response(_body(await models.put(identity, name, await json_body(request))))

    @router.delete("/{name:path}", summary="Forget what draws under a name", **schemas.DELETE_MODEL)
    async def delete_model(request: Request, name: str) -> Response:
        await models.delete(caller(request, Scope.ADMIN), name)
        return Response(status_code=204)

    return router


def _body(view: ModelView) -> dict[str, Any]:
    name = view.model.name
    draws: dict[str, Any] = {task: _draws_body(view.draws.get(task)) for task in TASKS}
    return {"name": name, "default": name == DEFAULT, "built_in": view.built_in, **draws}


def _draws_body(draws: Draws | None) -> dict[str, Any] | None:
    """``fields`` are those that count, ``chosen`` those that somebody chose."""
    if draws is None:
        return None
    target = draws.target
    return {
        "preset_id": target.preset_id,
        "workflow_id": target.workflow_id,
        "name": draws.name,
        "fields": dict(draws.fields),
        "chosen": dict(target.fields),
    }
