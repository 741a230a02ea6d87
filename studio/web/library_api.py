"""``/api/library``: pages, details, changes to many files, downloads."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.clock import iso
from studio.errors import Unprocessable
from studio.models import Scope
from studio.services.library import ACTIONS, MAX_TITLE, Action, LibraryService
from studio.services.library_zips import LibraryZips
from studio.web import library_schemas as schemas
from studio.web.caller import caller, json_body, optional_text
from studio.web.library_bodies import detail_body, facets_body, outline_body, picture_body
from studio.web.library_query import picture_filter
from studio.web.links import Links
from studio.web.respond import json_response
from studio.web.v2_jobs_api import integer

MAX_IDS: Final = 5_000
MAX_OFFSET_MIN: Final = 840
_CHANGES: Final = frozenset({"rating", "favourite", "title"})
_REFUSALS: Final = {
    "not_in_trash": "Only what is in the trash can be deleted.",
    "asset_in_use": "A job that is not finished needs this file.",
}


def library_routes(*, library: LibraryService, zips: LibraryZips, links: Links) -> APIRouter:
    """The routes under ``/api/library``; each needs the scope ``assets``."""
    router = APIRouter(prefix="/api/library", tags=["Library"])

    @router.get("", summary="What was made, and what was uploaded", **schemas.PAGE)
    async def page(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        found, total = await library.page(identity, picture_filter(request.query_params))
        return json_response({"items": [picture_body(one) for one in found], "total": total})

    @router.get("/outline", summary="The shape of all pages together", **schemas.OUTLINE)
    async def outline(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        query = request.query_params
        offset = integer(query.get("utc_offset"), "utc_offset", 0, -MAX_OFFSET_MIN, MAX_OFFSET_MIN)
        found = await library.outline(identity, picture_filter(query), offset or 0)
        return json_response(outline_body(found))

    @router.get("/facets", summary="What the library can be narrowed by", **schemas.FACETS)
    async def facets(request: Request) -> Response:
        return json_response(facets_body(await library.facets(caller(request, Scope.ASSETS))))

    @router.post("/actions", summary="Do one thing to many files", **schemas.ACT)
    async def act(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        body = await json_body(request)
        changed = await library.act(identity, _ids(body), _action(body), body.get("value"))
        return json_response(
            {
                "changed": changed.count,
                "not_found": changed.not_found,
                "refused": [
                    {"id": one, "code": code, "message": _REFUSALS[code]}
                    for one, code in changed.refused
                ],
            }
        )

    @router.post("/zip", summary="An address of many files as one ZIP", **schemas.ZIP)
    async def choose(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        chosen, lost = await zips.choose(identity, _ids(await json_body(request)))
        return json_response(
            {
                "url": links.zip_url(request, chosen.id, chosen.ends_at),
                "url_expires_at": iso(chosen.ends_at),
                "count": len(chosen.ids),
                "size_bytes": chosen.size_bytes,
                "not_found": lost,
            }
        )

    @router.get("/zip/{selection_id}", summary="That ZIP, as a stream", **schemas.DOWNLOAD)
    async def download(request: Request, selection_id: str) -> Response:
        chunks = await zips.open(caller(request, Scope.ASSETS), selection_id)
        return StreamingResponse(
            chunks,
            media_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="studio.zip"'},
        )

    @router.get("/{asset_id}", summary="One file with every parameter", **schemas.GET)
    async def get(request: Request, asset_id: str) -> Response:
        identity = caller(request, Scope.ASSETS)
        detail = await library.get(identity, asset_id)
        with_graph = Scope.GRAPHS_RUN in identity.scopes
        return json_response(detail_body(detail, with_graph=with_graph))

    @router.patch("/{asset_id}", summary="Rate, name or favour one file", **schemas.UPDATE)
    async def update(request: Request, asset_id: str) -> Response:
        identity = caller(request, Scope.ASSETS)
        body = await json_body(request)
        if unknown := sorted(body.keys() - _CHANGES):
            raise Unprocessable(f"Unknown field {unknown[0][:40]}.", details={"fields": unknown})
        favourite = body.get("favourite")
        if favourite is not None and not isinstance(favourite, bool):
            raise Unprocessable("favourite must be true or false.", details={"field": "favourite"})
        picture = await library.update(
            identity,
            asset_id,
            rating=body.get("rating"),
            favourite=favourite,
            title=optional_text(body, "title", MAX_TITLE),
        )
        return json_response(picture_body(picture))

    return router


def _ids(body: dict[str, Any]) -> list[str]:
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Unprocessable("ids must be a list of ids.", details={"field": "ids"})
    if not 1 <= len(ids) <= MAX_IDS:
        raise Unprocessable(
            f"ids must name 1 to {MAX_IDS} files.", details={"field": "ids", "max": MAX_IDS}
        )
    return ids


def _action(body: dict[str, Any]) -> Action:
    for action in ACTIONS:
        if body.get("action") == action:
            return action
    raise Unprocessable(
        f"action must be one of: {', '.join(ACTIONS)}.", details={"field": "action"}
    )
