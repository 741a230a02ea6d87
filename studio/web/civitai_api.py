"""``/api/civitai``: looking at Civitai's models and pictures, and taking what is needed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import InvalidRequest
from studio.models import Scope
from studio.services.civitai_recipes import CivitaiRecipes
from studio.services.civitai_tools import CivitaiTools, SeenModel
from studio.web import civitai_schemas as schemas
from studio.web.caller import caller, whole_number
from studio.web.civitai_bodies import model_body, picture_body, seen_body
from studio.web.respond import json_response

MAX_PAGE = 100
MAX_ID = 2**53
_MAX_CURSOR = 500
_MAX_URL = 2000


def civitai_routes(tools: CivitaiTools, recipes: CivitaiRecipes, base_url: str) -> APIRouter:
    """Looking needs the scope ``graphs:run``, taking a picture as an input ``assets`` as well."""
    router = APIRouter(prefix="/api/civitai", tags=["Models"])

    @router.get("/look", summary="What an address at Civitai leads to", **schemas.LOOK)
    async def look(request: Request) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        url = request.query_params.get("url", "")
        if not 0 < len(url) <= _MAX_URL:
            raise InvalidRequest("url must be the address of a model or a picture at Civitai.")
        found = await tools.look(identity, url)
        if isinstance(found, SeenModel):
            return json_response({"model": model_body(found, base_url), "picture": None})
        form = await recipes.form(identity, found)
        return json_response({"model": None, "picture": seen_body(found, form, base_url)})

    @router.get(
        "/versions/{version_id}/pictures",
        summary="What people made with a version",
        **schemas.PICTURES,
    )
    async def pictures(request: Request, version_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        query = request.query_params
        cursor = query.get("cursor")
        if cursor is not None and len(cursor) > _MAX_CURSOR:
            raise InvalidRequest("cursor must be the next_cursor of a page.")
        items, after = await tools.pictures(
            whole_number(version_id, "version_id", 1, MAX_ID),
            cursor=cursor,
            limit=whole_number(query.get("limit"), "limit", 1, MAX_PAGE, default=24),
            nsfw=query.get("nsfw") == "1",
        )
        return json_response(
            {"items": [picture_body(item, base_url) for item in items], "next_cursor": after}
        )

    @router.post(
        "/pictures/{picture_id}/input", summary="Take a picture as an input", **schemas.INPUT
    )
    async def use_as_input(request: Request, picture_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        identity = caller(request, Scope.ASSETS)
        asset = await tools.use_as_input(
            identity, whole_number(picture_id, "picture_id", 1, MAX_ID)
        )
        fields = ("id", "content_type", "size_bytes", "file_path")
        return json_response({name: getattr(asset, name) for name in fields}, 201)

    return router
