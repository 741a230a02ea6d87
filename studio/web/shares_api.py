"""``/s/<token>`` and ``/api/shares/<token>``: what somebody without an account sees of a link.

The token in the address is all that opens these. No answer names a user, a job, a workflow or a
model, and no other route of Studio believes the token or its cookie.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import InvalidRequest, NotFound, PayloadTooLarge
from studio.services.library import Detail
from studio.services.preset_fields import values_of
from studio.services.rates import Rate, RequestLimits
from studio.services.share_files import MAX_FILE_BYTES, Handed
from studio.services.share_runs import ShareRuns, VisitorRun
from studio.services.share_visits import VISIT_MS, ShareVisits
from studio.services.shares import ShareService
from studio.services.thumbnails import SIDES, Size, Thumbnails
from studio.services.tokens import digest
from studio.share_errors import ShareGone, ShareLocked
from studio.store.shares import Share, SharedPicture
from studio.web import share_schemas as schemas
from studio.web.caller import json_body, known_fields, optional_text
from studio.web.content import file_response
from studio.web.guard import SHARE_ADDRESS
from studio.web.links import Links
from studio.web.pages import FRONTEND, StaticFiles, page_policy
from studio.web.respond import json_response
from studio.web.share_cookie import ShareCookie
from studio.web.v2_jobs_api import integer

_CLEANABLE: Final = frozenset(
    {
        "image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "video/quicktime",
        "video/webm", "video/x-matroska", "audio/flac",
    }
)  # fmt: skip
_ALWAYS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}
_TOKEN: Final = re.compile(SHARE_ADDRESS)
_FILE_S: Final = 300.0
REQUESTS: Final = Rate(600)
"""How many requests one link answers in a minute, whoever they are from."""
_MAX_NAME: Final = 64
_MOST_PICTURES: Final = 100


def share_routes(
    *,
    shares: ShareService,
    visits: ShareVisits,
    runs: ShareRuns,
    thumbnails: Thumbnails,
    cookie: ShareCookie,
    links: Links,
    limits: RequestLimits,
) -> APIRouter:
    """The routes of visitors; none needs an account."""
    router = APIRouter(tags=["Shared pages"])
    files = StaticFiles(FRONTEND / "share")

    def visit_of(request: Request, share: Share) -> str | None:
        return visits.visit_of(share, cookie.values(request))

    async def opened(token: str) -> Share:
        """The link, if it is not asked for too often by all who have it."""
        share = await shares.open(token)
        limits.take("share", share.id, REQUESTS)
        return share

    async def looked_at(request: Request, token: str) -> Share:
        """The link, where its password was given or there is none."""
        share = await opened(token)
        if share.password is not None and visit_of(request, share) is None:
            raise ShareLocked("This link has a password.")
        return share

    async def visited(request: Request, token: str) -> tuple[Share, str]:
        """The link and whose visit this is."""
        share = await opened(token)
        visit = visit_of(request, share)
        if visit is None:
            raise ShareLocked("Open the link first.")
        return share, visit

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

    async def picture_of(share: Share, handed: Handed, request: Request) -> Response:
        if handed.patches is None:
            raise NotFound("This file is not handed out.")
        answer = file_response(
            handed.path,
            content_type=handed.asset.content_type,
            file_name=handed.asset.file_path.rpartition("/")[2],
            etag=digest(f"{share.id} {share.with_recipe} {handed.asset.hash}"),
            request_headers=request.headers,
            patches=handed.patches,
        )
        answer.headers.update(_ALWAYS)
        return answer

    async def small_of(share: Share, handed: Handed, request: Request) -> Response:
        size: Size = "large" if request.query_params.get("size") == "large" else "small"
        answer = file_response(
            await thumbnails.cover(handed.asset, size),
            content_type="image/webp",
            file_name="picture.webp",
            etag=digest(f"{share.id} {SIDES[size]} {handed.asset.hash}"),
            request_headers=request.headers,
        )
        answer.headers.update(_ALWAYS)
        return answer

    @router.head("/s/{token}", include_in_schema=False)
    @router.get("/s/{token}", summary="The page of a link", **schemas.PAGE)
    async def page(request: Request, token: str) -> Response:
        # Of any token: whether it leads anywhere, the page asks.
        if _TOKEN.fullmatch(token) is None:
            raise ShareGone("This is no link of Studio's.")
        answer = await files.answer("index.html", request)
        answer.headers["Content-Security-Policy"] = page_policy(links.base(request))
        answer.headers.update(_ALWAYS)
        return answer

    @router.get("/api/shares/{token}", summary="What a link leads to", **schemas.FACTS)
    async def get_share(request: Request, token: str) -> Response:
        share = await opened(token)
        if share.password is not None and visit_of(request, share) is None:
            return _json({"locked": True})
        return _json(await facts(share))

    @router.post("/api/shares/{token}/visit", summary="Begin a visit", **schemas.VISIT)
    async def begin(request: Request, token: str) -> Response:
        share = await opened(token)
        body = known_fields(await json_body(request), frozenset({"password"}))
        password = optional_text(body, "password", 512)
        # Who gives the password gets a visit of their own, whatever the browser was made to send.
        kept = None if password is not None else visit_of(request, share)
        answer = _json(await facts(share)) if kept else None
        if answer is None:
            value = await visits.begin(share, password, _address(request))
            answer = _json(await facts(share))
            cookie.set(request, answer, token, value, VISIT_MS // 1000)
        shares.note_opened(share)
        return answer

    @router.get("/api/shares/{token}/pictures", summary="What it shows", **schemas.PICTURES)
    async def pictures(request: Request, token: str) -> Response:
        share = await looked_at(request, token)
        start = integer(request.query_params.get("start"), "start", 0, 0, 1 << 31) or 0
        limit = integer(request.query_params.get("limit"), "limit", 60, 1, _MOST_PICTURES) or 60
        found, total = await visits.pictures(share, start, limit)
        return _json({"items": [_picture(share, one) for one in found], "total": total})

    @router.get("/api/shares/{token}/pictures/{asset_id}", summary="One of it", **schemas.PICTURE)
    async def picture(request: Request, token: str, asset_id: str) -> Response:
        share = await looked_at(request, token)
        shown, detail = await visits.look(share, asset_id)
        made = None if detail is None else _made(detail)
        return _json({**_picture(share, shown), "made": made})

    @router.head("/api/shares/{token}/pictures/{asset_id}/content", include_in_schema=False)
    @router.get(
        "/api/shares/{token}/pictures/{asset_id}/content", summary="Its bytes", **schemas.CONTENT
    )
    async def content(request: Request, token: str, asset_id: str) -> Response:
        share = await looked_at(request, token)
        return await picture_of(share, await visits.picture(share, asset_id), request)

    @router.get(
        "/api/shares/{token}/pictures/{asset_id}/thumbnail",
        summary="It, small",
        **schemas.THUMBNAIL,
    )
    async def thumbnail(request: Request, token: str, asset_id: str) -> Response:
        share = await looked_at(request, token)
        handed = await visits.picture(share, asset_id, small=True)
        return await small_of(share, handed, request)

    @router.post(
        "/api/shares/{token}/files", summary="Send a file for the form", **schemas.SEND_FILE
    )
    async def send_file(request: Request, token: str) -> Response:
        share, visit = await visited(request, token)
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:19]) > MAX_FILE_BYTES:
            raise PayloadTooLarge(
                f"A file has at most {MAX_FILE_BYTES >> 20} MiB here.",
                details={"max_bytes": MAX_FILE_BYTES},
            )
        name = request.query_params.get("name", "")[:200]
        try:
            async with asyncio.timeout(_FILE_S):
                file_id = await runs.send_file(share, visit, name, request.stream())
        except TimeoutError as error:
            raise InvalidRequest("The file comes too slowly.") from error
        except ClientDisconnect as error:
            raise InvalidRequest("The connection closed before the whole file came.") from error
        return _json({"id": file_id}, 201)

    @router.post("/api/shares/{token}/runs", summary="Run the form", **schemas.RUN)
    async def run(request: Request, token: str) -> Response:
        share, visit = await visited(request, token)
        body = known_fields(await json_body(request), frozenset({"id", "values", "answers"}))
        name = optional_text(body, "id", _MAX_NAME)
        wanted, answers = values_of(body), values_of(body, "answers")
        made = await runs.run(share, visit, _address(request), wanted, answers, name)
        return _json(_run(share, made), 201)

    @router.get("/api/shares/{token}/runs", summary="Your runs of it", **schemas.RUNS)
    async def list_runs(request: Request, token: str) -> Response:
        share, visit = await visited(request, token)
        return _json({"items": [_run(share, one) for one in await runs.runs(share, visit)]})

    @router.get("/api/shares/{token}/runs/{run_id}", summary="One run of yours", **schemas.GET_RUN)
    async def get_run(request: Request, token: str, run_id: str) -> Response:
        share, visit = await visited(request, token)
        return _json(_run(share, await runs.get(share, visit, run_id)))

    @router.post("/api/shares/{token}/runs/{run_id}/cancel", summary="Cancel it", **schemas.GET_RUN)
    async def cancel(request: Request, token: str, run_id: str) -> Response:
        share, visit = await visited(request, token)
        return _json(_run(share, await runs.cancel(share, visit, run_id)))

    @router.head(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/content", include_in_schema=False
    )
    @router.get(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/content",
        summary="The bytes of a result",
        **schemas.CONTENT,
    )
    async def output(request: Request, token: str, run_id: str, asset_id: str) -> Response:
        share, visit = await visited(request, token)
        return await picture_of(share, await runs.output(share, visit, run_id, asset_id), request)

    @router.get(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/thumbnail",
        summary="A result, small",
        **schemas.THUMBNAIL,
    )
    async def output_small(request: Request, token: str, run_id: str, asset_id: str) -> Response:
        share, visit = await visited(request, token)
        handed = await runs.output(share, visit, run_id, asset_id, small=True)
        return await small_of(share, handed, request)

    return router


def _json(content: Any, status: int = 200) -> Response:
    return json_response(content, status, dict(_ALWAYS))


def _address(request: Request) -> str:
    # The socket of the console has no address.
    return "console" if request.client is None else request.client.host


def _is_handed(share: Share, content_type: str) -> bool:
    return share.with_recipe or content_type.partition(";")[0] in _CLEANABLE


def _picture(share: Share, picture: SharedPicture) -> dict[str, Any]:
    return {
        "id": picture.id,
        "content_type": picture.content_type,
        "name": picture.file_path.rpartition("/")[2],
        "size_bytes": picture.size_bytes,
        "width": picture.width,
        "height": picture.height,
        "duration_ms": picture.duration_ms,
        "original": _is_handed(share, picture.content_type),
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


def _run(share: Share, run: VisitorRun) -> dict[str, Any]:
    job = run.view.job
    progress = run.view.live.progress if run.view.live is not None else None
    return {
        "id": run.id,
        "status": job.status,
        "created_at": iso(job.created_at),
        "completed_at": iso_or_none(job.completed_at),
        "queue_position": run.view.queue_position,
        "progress": None if progress is None else progress.value,
        "step": None if progress is None else progress.step,
        "steps": None if progress is None else progress.steps,
        "error": None if job.error is None else job.error.code,
        "outputs": [
            {
                "id": asset.id,
                "type": asset.output_type,
                "content_type": asset.content_type,
                "name": asset.file_path.rpartition("/")[2],
                "size_bytes": asset.size_bytes,
                "original": _is_handed(share, asset.content_type),
            }
            for asset in run.outputs
        ],
    }
