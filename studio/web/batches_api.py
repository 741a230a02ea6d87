"""Batches and grids under ``/api/batches``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.errors import InvalidBatch, Unprocessable
from studio.graphs.grids import ONCE, read_axes
from studio.models import Scope
from studio.services.batch_views import BatchView
from studio.services.batches import BatchService, Order
from studio.services.grid_picture import GridPictures
from studio.services.preset_fields import id_of, known_fields, text_of, values_of, version_of
from studio.store.batches import Batch
from studio.web import preset_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.job_webhooks import FIELDS as WEBHOOK_FIELDS
from studio.web.job_webhooks import job_webhook
from studio.web.respond import json_response
from studio.web.v2_jobs_api import idempotency_key, integer

_MAX_TITLE: Final = 200
_FIELDS: Final = frozenset(
    {
        "workflow_id", "preset_id", "version", "values", "answers", "lists", "axes", "count",
        "priority", "title", *WEBHOOK_FIELDS,
    }
)  # fmt: skip


def batch_routes(*, batches: BatchService, pictures: GridPictures) -> APIRouter:
    """The routes; all need the scope ``jobs``, the picture ``assets`` too."""
    router = APIRouter(prefix="/api/batches", tags=["Batches"])

    @router.post("", summary="Run a workflow or preset as a batch or grid", **schemas.CREATE_BATCH)
    async def create_batch(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        accepted = await batches.run(identity, _order(body, idempotency_key(request)))
        return json_response(batch_body(await batches.get(identity, accepted.batch_id or "")), 201)

    @router.get("", summary="Your batches, newest first", **schemas.LIST_BATCHES)
    async def list_batches(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        start = integer(request.query_params.get("start"), "start", 0, 0, 1 << 31) or 0
        limit = integer(request.query_params.get("limit"), "limit", 50, 1, 200) or 50
        found, total = await batches.page(identity, start=start, limit=limit)
        items = [_facts(batch, counts) for batch, counts in found]
        return json_response({"items": items, "total": total})

    @router.get("/{batch_id}", summary="A batch with its cells", **schemas.GET_BATCH)
    async def get_batch(request: Request, batch_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(batch_body(await batches.get(identity, batch_id)))

    @router.post("/{batch_id}/cancel", summary="Cancel what has not ended", **schemas.CANCEL_BATCH)
    async def cancel_batch(request: Request, batch_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(batch_body(await batches.cancel(identity, batch_id)))

    @router.get(
        "/{batch_id}/image", summary="The labelled grid as one picture", **schemas.BATCH_IMAGE
    )
    async def batch_image(request: Request, batch_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.ASSETS)
        picture = await pictures.make(await batches.get(identity, batch_id))
        name = f"batch-{batch_id}.png"
        return Response(
            picture,
            media_type="image/png",
            headers={"Content-Disposition": f'inline; filename="{name}"'},
        )

    return router


def batch_body(view: BatchView) -> dict[str, Any]:
    """A batch and every cell of it."""
    cells = [
        {
            "index": cell.index,
            "coords": cell.coordinates,
            "labels": cell.labels,
            "job_id": cell.job_id,
            "status": cell.status,
            "assets": [asset.id for asset in cell.outputs],
            "trashed": cell.is_trashed,
        }
        for cell in view.cells
    ]
    return {**_facts(view.batch, view.counts()), "cells": cells}


def order_fields(body: Mapping[str, Any], allowed: Collection[str]) -> dict[str, Any]:
    """What every order may say: values, answers, priority, title, and who is told of its jobs.

    Raises:
        InvalidPreset: something does not fit, or means nothing here.
        Unprocessable: the priority is no whole number, or nobody can be told like that.
    """
    known_fields(body, allowed)
    priority = body.get("priority", 0)
    if type(priority) is not int:
        raise Unprocessable("priority must be a whole number.", details={"field": "priority"})
    return {
        "values": values_of(body),
        "answers": values_of(body, "answers"),
        "title": text_of(body, "title", _MAX_TITLE),
        "priority": priority,
        "webhook": job_webhook(body),
    }


def _order(body: Mapping[str, Any], key: str | None) -> Order:
    more = order_fields(body, _FIELDS)
    workflow_id, preset_id = id_of(body, "workflow_id"), id_of(body, "preset_id")
    if (workflow_id is None) == (preset_id is None):
        raise InvalidBatch("Say either workflow_id or preset_id.", details={"where": "workflow_id"})
    axes = read_axes(body.get("lists"), body.get("axes"), body.get("count")) or (ONCE,)
    return Order(
        workflow_id=workflow_id,
        preset_id=preset_id,
        version=version_of(body, "version"),
        axes=axes,
        idempotency_key=key,
        **more,
    )


def _facts(batch: Batch, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": batch.id,
        "title": batch.title,
        "workflow_id": batch.workflow_id,
        "workflow_version": batch.workflow_version,
        "preset_id": batch.preset_id,
        "user_id": batch.user_id,
        "axes": [
            {"name": axis.name, "inputs": axis.inputs, "labels": axis.labels} for axis in batch.axes
        ],
        "size": batch.size,
        "counts": dict(counts),
        "created_at": iso(batch.created_at),
    }
