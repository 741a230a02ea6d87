"""``/s/<token>`` and ``/api/shares/<token>``: what somebody without an account sees of a link.

The token in the address is all that opens these. No answer names a user, a job, a workflow or a
model, and no other route of Studio believes the token or its cookie.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.services.library import Detail
from studio.services.share_files import MAX_FILE_BYTES
from studio.services.share_runs import ShareRuns
from studio.services.share_visits import VISIT_MS
from studio.share_errors import ShareGone
from studio.store.shares import Share, SharedPicture
from studio.web import share_schemas as schemas
from studio.web.caller import json_body, known_fields, optional_text
from studio.web.guard import SHARE_ADDRESS
from studio.web.links import Links
from studio.web.pages import FRONTEND, StaticFiles, page_policy
from studio.web.share_door import ALWAYS, ShareDoor, answer, client_of, is_handed
from studio.web.v2_jobs_api import integer

_TOKEN: Final = re.compile(SHARE_ADDRESS)
_MOST_PICTURES: Final = 100


def share_routes(*, door: ShareDoor, runs: ShareRuns, links: Links) -> APIRouter:
    """The routes of visitors of whatever is shared; none needs an account."""
    router, visits = APIRouter(tags=["Shared pages"]), door.visits
    files = StaticFiles(FRONTEND / "share")

    async def facts(share: Share) -> dict[str, Any]:
        body: dict[str, Any] = {
            "locked": False,
            "kind": share.kind,
            "label": share.label,
            "expires_at": iso(share.expires_at),
            "with_recipe": share.with_recipe,
        }
        if share.kind == "preset":
            form = await runs.form(share)
            body["form"] = {
                "name": form.name,
                "description": form.description,
                "fields": form.fields,
                "questions": [
                    {name: value for name, value in asdict(each).items() if name != "where"}
                    for each in form.questions
                ],
            }
            body["runs_per_hour"] = share.runs_per_hour
            body["max_file_bytes"] = MAX_FILE_BYTES
        else:
            _, body["total"] = await visits.pictures(share, 0, 1)
        return body

    @router.head("/s/{token}", include_in_schema=False)
    @router.get("/s/{token}", summary="The page of a link", **schemas.PAGE)
    async def page(request: Request, token: str) -> Response:
        # Of any token: whether it leads anywhere, the page asks.
        if _TOKEN.fullmatch(token) is None:
            raise ShareGone("This is no link of Studio's.")
        shown = await files.answer("index.html", request)
        shown.headers["Content-Security-Policy"] = page_policy(links.base(request))
        shown.headers.update(ALWAYS)
        return shown

    @router.get("/api/shares/{token}", summary="What a link leads to", **schemas.FACTS)
    async def get_share(request: Request, token: str) -> Response:
        share = await door.opened(token)
        if share.password is not None and door.visit_of(request, share) is None:
            return answer({"locked": True})
        return answer(await facts(share))

    @router.post("/api/shares/{token}/visit", summary="Begin a visit", **schemas.VISIT)
    async def begin(request: Request, token: str) -> Response:
        share = await door.opened(token)
        body = known_fields(await json_body(request), frozenset({"password"}))
        password = optional_text(body, "password", 512)
        # Who gives the password gets a visit of their own, whatever the browser was made to send.
        kept = None if password is not None else door.visit_of(request, share)
        begun = answer(await facts(share)) if kept else None
        if begun is None:
            value = await visits.begin(share, password, client_of(request))
            begun = answer(await facts(share))
            door.cookie.set(request, begun, token, value, VISIT_MS // 1000)
        door.shares.note_opened(share)
        return begun

    @router.get("/api/shares/{token}/pictures", summary="What it shows", **schemas.PICTURES)
    async def pictures(request: Request, token: str) -> Response:
        share = await door.looked_at(request, token)
        start = integer(request.query_params.get("start"), "start", 0, 0, 1 << 31) or 0
        limit = integer(request.query_params.get("limit"), "limit", 60, 1, _MOST_PICTURES) or 60
        found, total = await visits.pictures(share, start, limit)
        return answer({"items": [_picture(share, one) for one in found], "total": total})

    @router.get("/api/shares/{token}/pictures/{asset_id}", summary="One of it", **schemas.PICTURE)
    async def picture(request: Request, token: str, asset_id: str) -> Response:
        share = await door.looked_at(request, token)
        shown, detail = await visits.look(share, asset_id)
        made = None if detail is None else _made(detail)
        return answer({**_picture(share, shown), "made": made})

    @router.head("/api/shares/{token}/pictures/{asset_id}/content", include_in_schema=False)
    @router.get(
        "/api/shares/{token}/pictures/{asset_id}/content", summary="Its bytes", **schemas.CONTENT
    )
    async def content(request: Request, token: str, asset_id: str) -> Response:
        share = await door.looked_at(request, token)
        return await door.picture_of(share, await visits.picture(share, asset_id), request)

    @router.get(
        "/api/shares/{token}/pictures/{asset_id}/thumbnail",
        summary="It, small",
        **schemas.THUMBNAIL,
    )
    async def thumbnail(request: Request, token: str, asset_id: str) -> Response:
        share = await door.looked_at(request, token)
        handed = await visits.picture(share, asset_id, small=True)
        return await door.small_of(share, handed, request)

    return router


def _picture(share: Share, picture: SharedPicture) -> dict[str, Any]:
    return {
        "id": picture.id,
        "content_type": picture.content_type,
        "name": picture.file_path.rpartition("/")[2],
        "size_bytes": picture.size_bytes,
        "width": picture.width,
        "height": picture.height,
        "duration_ms": picture.duration_ms,
        "original": is_handed(share, picture.content_type),
    }


def _made(detail: Detail) -> dict[str, Any]:
    """How a picture was made, for links whose maker wants that to be seen."""
    positive, negative = detail.prompts
    found = detail.parameters
    loras: Sequence[Any] = () if found is None else found.loras
    return {
        "prompt": "\n".join(positive),
        "negative": "\n".join(negative),
        "seed": detail.picture.seed,
        "parameters": {} if found is None else found.settings,
        "models": detail.models,
        "loras": loras,
    }
