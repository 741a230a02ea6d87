"""Presets under ``/api/presets``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.graphs.grids import read_axes
from studio.models import Scope
from studio.services.batches import BatchService, Order
from studio.services.presets import PresetService, PresetView
from studio.services.thumbnails import SIDES, Thumbnails
from studio.store.presets import PresetFilter
from studio.web import preset_schemas as schemas
from studio.web.batches_api import order_fields
from studio.web.caller import caller, json_body
from studio.web.content import file_response
from studio.web.job_bodies import studio_body
from studio.web.job_webhooks import FIELDS as WEBHOOK_FIELDS
from studio.web.links import Links
from studio.web.preset_code import code
from studio.web.respond import json_response
from studio.web.v2_jobs_api import idempotency_key, integer

_RUN_FIELDS = frozenset({"answers", "values", "count", "priority", "title", *WEBHOOK_FIELDS})


def preset_routes(
    *, presets: PresetService, batches: BatchService, thumbnails: Thumbnails, links: Links
) -> APIRouter:
    """The routes; all need the scope ``jobs``."""
    router = APIRouter(prefix="/api/presets", tags=["Presets"])

    @router.get("", summary="Presets: yours and shared ones", **schemas.LIST_PRESETS)
    async def list_presets(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        found, total = await presets.page(identity, _filter(request))
        return json_response({"items": [preset_body(view) for view in found], "total": total})

    @router.post("", summary="Save a preset", **schemas.CREATE_PRESET)
    async def create_preset(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(
            preset_body(await presets.create(identity, await json_body(request))), 201
        )

    @router.post("/import", summary="A preset from an exported file", **schemas.IMPORT_PRESET)
    async def import_preset(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(
            preset_body(await presets.import_file(identity, await json_body(request))), 201
        )

    @router.get("/{preset_id}", summary="One preset", **schemas.GET_PRESET)
    async def get_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(preset_body(await presets.get(identity, preset_id)))

    @router.patch(
        "/{preset_id}", summary="Change what is given of a preset", **schemas.UPDATE_PRESET
    )
    async def update_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        return json_response(preset_body(await presets.update(identity, preset_id, body)))

    @router.delete(
        "/{preset_id}", summary="Move a preset to the trash, for 30 days", **schemas.DELETE
    )
    async def delete_preset(request: Request, preset_id: str) -> Response:
        await presets.trash(caller(request, Scope.JOBS), preset_id)
        return Response(status_code=204)

    @router.post(
        "/{preset_id}/restore",
        summary="Take a preset out of the trash",
        **schemas.RESTORE_PRESET,
    )
    async def restore_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(preset_body(await presets.restore(identity, preset_id)))

    @router.post("/{preset_id}/duplicate", summary="A copy of your own", **schemas.DUPLICATE_PRESET)
    async def duplicate_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        return json_response(preset_body(await presets.duplicate(identity, preset_id, body)), 201)

    @router.get("/{preset_id}/export", summary="The preset as a file", **schemas.EXPORT_PRESET)
    async def export_preset(request: Request, preset_id: str) -> Response:
        file = await presets.export(caller(request, Scope.JOBS), preset_id)
        name = f"{file['id']}.studio-preset.json"
        return json_response(
            file, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    @router.get(
        "/{preset_id}/code", summary="A program that runs the preset", **schemas.PRESET_CODE
    )
    async def preset_code(request: Request, preset_id: str) -> Response:
        view = await presets.get(caller(request, Scope.JOBS), preset_id)
        language = request.query_params.get("lang", "curl")
        return json_response({"code": code(view, links.base(request), language)})

    @router.get("/{preset_id}/cover", summary="Its picture, small", **schemas.PRESET_COVER)
    async def preset_cover(request: Request, preset_id: str) -> Response:
        asset = await presets.cover(caller(request, Scope.JOBS), preset_id)
        return file_response(
            await thumbnails.cover(asset, "large"),
            content_type="image/webp",
            file_name=f"{preset_id}.webp",
            etag=f"{asset.hash}-{SIDES['large']}",
            request_headers=request.headers,
        )

    @router.post("/{preset_id}/run", summary="Run a preset, up to 100 times", **schemas.RUN_PRESET)
    async def run_preset(request: Request, preset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        order = Order(
            preset_id=preset_id,
            axes=read_axes(None, None, body.get("count")),
            idempotency_key=idempotency_key(request),
            **order_fields(body, _RUN_FIELDS),
        )
        accepted = await batches.run(identity, order)
        answer: dict[str, Any] = {
            "jobs": [studio_body(view, request, links) for view in accepted.jobs]
        }
        if accepted.batch_id is not None:
            answer["batch_id"] = accepted.batch_id
        return json_response(answer, 201)

    return router


def preset_body(view: PresetView) -> dict[str, Any]:
    """A preset as it is shown."""
    preset = view.preset
    return {
        "id": preset.id,
        "name": preset.name,
        "description": preset.description,
        "workflow_id": preset.workflow_id,
        "workflow_version": preset.workflow_version,
        "values": preset.values,
        "tags": preset.tags,
        "rating": preset.rating,
        "cover": preset.cover,
        "shared": preset.shared,
        "owner": {"id": preset.user_id, "name": preset.user_name},
        "editable": view.editable,
        "questions": [asdict(question) for question in view.questions],
        "runs": preset.runs,
        "created_at": iso(preset.created_at),
        "updated_at": iso(preset.updated_at),
        "trashed_at": iso_or_none(preset.trashed_at),
    }


def _filter(request: Request) -> PresetFilter:
    given = request.query_params
    return PresetFilter(
        query=given.get("q", ""),
        workflow_id=given.get("workflow") or None,
        tag=given.get("tag") or None,
        trashed=given.get("trashed") == "1",
        start=integer(given.get("start"), "start", 0, 0, 1 << 31) or 0,
        limit=integer(given.get("limit"), "limit", 100, 1, 500) or 100,
    )
