"""What visitors of a form ask for: files sent, runs begun, followed and cancelled, and results."""

from __future__ import annotations

import asyncio
from hashlib import blake2s
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import InvalidRequest, NotFound, PayloadTooLarge
from studio.services.preset_fields import values_of
from studio.services.share_files import MAX_FILE_BYTES
from studio.services.share_runs import ShareRuns, VisitorRun
from studio.store.shares import Share
from studio.web import share_schemas as schemas
from studio.web.caller import json_body, known_fields, optional_text
from studio.web.share_door import ALWAYS, ShareDoor, answer, client_of, is_handed

_FILE_S: Final = 300.0
_MAX_NAME: Final = 64
_SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp"})


def share_run_routes(*, door: ShareDoor, runs: ShareRuns) -> APIRouter:
    """The routes of visitors of forms; none needs an account."""
    router = APIRouter(tags=["Shared pages"])

    @router.post(
        "/api/shares/{token}/files", summary="Send a file for the form", **schemas.SEND_FILE
    )
    async def send_file(request: Request, token: str) -> Response:
        share, visit = await door.visited(request, token)
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
        return answer({"id": file_id}, 201)

    @router.post("/api/shares/{token}/runs", summary="Run the form", **schemas.RUN)
    async def run(request: Request, token: str) -> Response:
        share, visit = await door.visited(request, token)
        body = known_fields(await json_body(request), frozenset({"id", "values", "answers"}))
        name = optional_text(body, "id", _MAX_NAME)
        wanted, answers = values_of(body), values_of(body, "answers")
        made = await runs.run(share, visit, client_of(request), wanted, answers, name)
        return answer(_run(share, made), 201)

    @router.get("/api/shares/{token}/runs", summary="Your runs of it", **schemas.RUNS)
    async def list_runs(request: Request, token: str) -> Response:
        share, visit = await door.visited(request, token)
        return answer({"items": [_run(share, one) for one in await runs.runs(share, visit)]})

    @router.get("/api/shares/{token}/runs/{run_id}", summary="One run of yours", **schemas.GET_RUN)
    async def get_run(request: Request, token: str, run_id: str) -> Response:
        share, visit = await door.visited(request, token)
        return answer(_run(share, await runs.get(share, visit, run_id)))

    @router.post("/api/shares/{token}/runs/{run_id}/cancel", summary="Cancel it", **schemas.GET_RUN)
    async def cancel(request: Request, token: str, run_id: str) -> Response:
        share, visit = await door.visited(request, token)
        return answer(_run(share, await runs.cancel(share, visit, run_id)))

    @router.get(
        "/api/shares/{token}/runs/{run_id}/preview",
        summary="What there is of it by now",
        **schemas.PREVIEW,
    )
    async def preview(request: Request, token: str, run_id: str) -> Response:
        share, visit = await door.visited(request, token)
        found = (await runs.get(share, visit, run_id)).preview(share)
        if found is None or found.content_type not in _SHOWN:
            raise NotFound("There is no picture of it yet.")
        return Response(found.data, headers=dict(ALWAYS), media_type=found.content_type)

    @router.head(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/content", include_in_schema=False
    )
    @router.get(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/content",
        summary="The bytes of a result",
        **schemas.CONTENT,
    )
    async def output(request: Request, token: str, run_id: str, asset_id: str) -> Response:
        share, visit = await door.visited(request, token)
        return await door.picture_of(
            share, await runs.output(share, visit, run_id, asset_id), request
        )

    @router.get(
        "/api/shares/{token}/runs/{run_id}/outputs/{asset_id}/thumbnail",
        summary="A result, small",
        **schemas.THUMBNAIL,
    )
    async def output_small(request: Request, token: str, run_id: str, asset_id: str) -> Response:
        share, visit = await door.visited(request, token)
        handed = await runs.output(share, visit, run_id, asset_id, small=True)
        return await door.small_of(share, handed, request)

    return router


def _run(share: Share, run: VisitorRun) -> dict[str, Any]:
    job = run.view.job
    preview = run.preview(share)
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
        "preview": None if preview is None else blake2s(preview.data, digest_size=8).hexdigest(),
        "error": None if job.error is None else job.error.code,
        "outputs": [
            {
                "id": asset.id,
                "type": asset.output_type,
                "content_type": asset.content_type,
                "name": asset.file_path.rpartition("/")[2],
                "size_bytes": asset.size_bytes,
                "original": is_handed(share, asset.content_type),
            }
            for asset in run.outputs
        ],
    }
