"""``/api/civitai/gallery`` and ``/api/civitai/pictures``: Civitai's pictures that are kept here."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import Unprocessable
from studio.models import Scope
from studio.services.civitai_gallery import CivitaiGallery
from studio.services.civitai_keeper import CivitaiKeeper
from studio.services.civitai_recipes import CivitaiRecipes
from studio.services.civitai_tools import CivitaiTools
from studio.services.thumbnails import SIDES
from studio.web import civitai_schemas as schemas
from studio.web.caller import (
    caller,
    json_body,
    known_fields,
    one_of,
    optional_text,
    whole_number,
)
from studio.web.civitai_api import MAX_ID, MAX_PAGE
from studio.web.civitai_bodies import kept_body, seen_body
from studio.web.content import file_response
from studio.web.presets_api import preset_body
from studio.web.respond import json_response

MOST_COLLECTED: Final = 24
"""Pictures that one request brings in: it waits for all of them."""
MAX_STARS: Final = 5
_MAX_SEQ: Final = 2**53
_MAX_CURSOR: Final = 500
_MAX_NAME: Final = 100


def civitai_gallery_routes(
    *,
    gallery: CivitaiGallery,
    keeper: CivitaiKeeper,
    tools: CivitaiTools,
    recipes: CivitaiRecipes,
    base_url: str,
) -> APIRouter:
    """Looking and keeping need the scope ``graphs:run``, taking out ``models:write``."""
    router = APIRouter(prefix="/api/civitai", tags=["Models"])

    @router.get("/gallery", summary="Civitai's pictures that are kept", **schemas.GALLERY)
    async def page(request: Request) -> Response:
        identity, query = caller(request, Scope.GRAPHS_RUN), request.query_params
        version, after = query.get("version"), query.get("cursor")
        items, end = await gallery.page(
            identity,
            version_id=None if version is None else whole_number(version, "version", 1, MAX_ID),
            least_stars=whole_number(query.get("stars"), "stars", 0, MAX_STARS, default=0),
            nsfw=query.get("nsfw") == "1",
            after=None if after is None else whole_number(after, "cursor", 0, _MAX_SEQ),
            limit=whole_number(query.get("limit"), "limit", 1, MAX_PAGE, default=24),
        )
        count, used_bytes = await gallery.usage()
        return json_response(
            {
                "items": [kept_body(kept, base_url) for kept in items],
                "next_cursor": None if end is None else str(end),
                "count": count,
                "used_bytes": used_bytes,
                "limit_bytes": gallery.limit_bytes,
                "nsfw_allowed": gallery.shows_nsfw(),
            }
        )

    @router.post("/gallery", summary="Keep what people made with a version", **schemas.COLLECT)
    async def collect(request: Request) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        fields = frozenset({"version_id", "cursor", "limit", "nsfw"})
        body = known_fields(await json_body(request), fields)
        collected = await keeper.collect(
            identity,
            _integer(body, "version_id", 1, MAX_ID),
            cursor=optional_text(body, "cursor", _MAX_CURSOR),
            limit=_integer(body, "limit", 1, MOST_COLLECTED, default=12),
            nsfw=body.get("nsfw") is True,
        )
        return json_response(
            {
                "items": [kept_body(kept, base_url) for kept in collected.items],
                "next_cursor": collected.next_cursor,
                "refused": [
                    {"id": picture_id, "code": error.code, "message": error.message}
                    for picture_id, error in collected.refused
                ],
                "retry_after_s": collected.retry_after_s,
            }
        )

    @router.get("/pictures/{picture_id}", summary="A picture that is kept", **schemas.PICTURE)
    async def picture(request: Request, picture_id: str) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        seen = await tools.kept_picture(identity, _id(picture_id))
        return json_response(seen_body(seen, await recipes.form(identity, seen), base_url))

    @router.put("/pictures/{picture_id}", summary="Keep one picture", **schemas.KEEP)
    async def keep(request: Request, picture_id: str) -> Response:
        kept = await keeper.keep(caller(request, Scope.GRAPHS_RUN), _id(picture_id))
        return json_response(kept_body(kept, base_url))

    @router.delete(
        "/pictures/{picture_id}", summary="Take one out of the gallery", **schemas.REMOVE
    )
    async def remove(request: Request, picture_id: str) -> Response:
        caller(request, Scope.MODELS_WRITE)
        await gallery.remove(_id(picture_id))
        return Response(status_code=204)

    @router.put("/pictures/{picture_id}/stars", summary="Your stars for it", **schemas.STARS)
    async def rate(request: Request, picture_id: str) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        body = known_fields(await json_body(request), frozenset({"stars"}))
        stars = _integer(body, "stars", 0, MAX_STARS)
        return json_response(
            kept_body(await gallery.rate(identity, _id(picture_id), stars), base_url)
        )

    @router.get("/pictures/{picture_id}/content", summary="Its bytes", **schemas.CONTENT)
    async def content(request: Request, picture_id: str) -> Response:
        kept, path = await gallery.open(caller(request, Scope.GRAPHS_RUN), _id(picture_id))
        return file_response(
            path,
            content_type=kept.content_type,
            file_name=f"civitai-{kept.id}.{kept.content_type.rpartition('/')[2]}",
            etag=kept.hash,
            request_headers=request.headers,
        )

    @router.get("/pictures/{picture_id}/thumbnail", summary="It, small", **schemas.THUMBNAIL)
    async def thumbnail(request: Request, picture_id: str) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        size = one_of(request.query_params.get("size"), "size", SIDES, "large")
        kept, path = await gallery.thumbnail(identity, _id(picture_id), size)
        return file_response(
            path,
            content_type="image/webp",
            file_name=f"civitai-{kept.id}.webp",
            etag=f"{kept.hash}-{SIDES[size]}",
            request_headers=request.headers,
        )

    @router.post(
        "/pictures/{picture_id}/preset", summary="Make a preset of it", **schemas.MAKE_PRESET
    )
    async def make_preset(request: Request, picture_id: str) -> Response:
        for scope in (Scope.GRAPHS_RUN, Scope.ASSETS):
            caller(request, scope)
        identity = caller(request, Scope.JOBS)
        body = known_fields(await json_body(request), frozenset({"name"}))
        view, left_out = await recipes.make_preset(
            identity, _id(picture_id), optional_text(body, "name", _MAX_NAME)
        )
        return json_response({"preset": preset_body(view), "left_out": left_out}, 201)

    return router


def _id(text: str) -> int:
    return whole_number(text, "picture_id", 1, MAX_ID)


def _integer(
    body: dict[str, Any], name: str, low: int, high: int, *, default: int | None = None
) -> int:
    value = body.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise Unprocessable(
            f"{name} must be a whole number from {low} to {high}.", details={"field": name}
        )
    return value
