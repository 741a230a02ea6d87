"""``/api/create``: pictures from words."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import Unprocessable
from studio.graphs.seeds import MAX_SEED
from studio.models import Scope
from studio.services.creation import (
    MAX_CFG,
    MAX_COUNT,
    MAX_PROMPT,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    SIDE_STEP,
    CreationService,
    Wish,
)
from studio.web.caller import caller, json_body
from studio.web.job_bodies import studio_body
from studio.web.job_schemas import JOB
from studio.web.job_webhooks import job_webhook
from studio.web.links import Links
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    answers,
    array,
    header,
    json_answer,
    record,
)
from studio.web.openapi import json_body as described_body
from studio.web.respond import json_response
from studio.web.v2_jobs_api import idempotency_key
from studio.web.webhook_schemas import JOB_FIELDS

_NUMBER: Final = {"type": "number"}
_LIMITS: Final = {
    "prompt": MAX_PROMPT,
    "min_side": MIN_SIDE,
    "max_side": MAX_SIDE,
    "side_step": SIDE_STEP,
    "steps": MAX_STEPS,
    "cfg": MAX_CFG,
    "count": MAX_COUNT,
    "seed": MAX_SEED,
}
_WISH: Final = {
    **record(
        {
            "prompt": {**STRING, "maxLength": MAX_PROMPT},
            "negative": {**STRING, "maxLength": MAX_PROMPT},
            "checkpoint": STRING,
            "width": {**INTEGER, "minimum": MIN_SIDE, "maximum": MAX_SIDE, "multipleOf": SIDE_STEP},
            "height": {
                **INTEGER,
                "minimum": MIN_SIDE,
                "maximum": MAX_SIDE,
                "multipleOf": SIDE_STEP,
            },
            "steps": {**INTEGER, "minimum": 1, "maximum": MAX_STEPS},
            "cfg": {**_NUMBER, "minimum": 0, "maximum": MAX_CFG},
            "seed": {**INTEGER, "minimum": 0, "maximum": MAX_SEED},
            "count": {**INTEGER, "minimum": 1, "maximum": MAX_COUNT},
            **JOB_FIELDS,
        },
        required=("prompt",),
    ),
    "additionalProperties": False,
}
_OFFER: Final = record(
    {
        "checkpoints": array(STRING),
        "defaults": OBJECT,
        "sides": {
            "type": "object",
            "additionalProperties": INTEGER,
            "description": "By checkpoint, the side of a square it was probably trained on.",
        },
        "limits": OBJECT,
        "can_run_graphs": BOOLEAN,
        "reason": record({"code": STRING, "message": STRING}),
    },
    required=("checkpoints", "defaults", "sides", "limits", "can_run_graphs"),
)


def create_routes(creation: CreationService, links: Links) -> APIRouter:
    """``GET`` and ``POST /api/create``; both need the scope ``jobs`` alone."""
    router = APIRouter(prefix="/api", tags=["Create"])

    @router.get(
        "/create",
        summary="What can be made from words now",
        responses=answers({200: json_answer("Choices, defaults and limits.", _OFFER)}),
    )
    async def get_create(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        offer = await creation.offer(identity)
        first = offer.checkpoints[0] if offer.checkpoints else None
        side = offer.sides.get(first) if first is not None else None
        body: dict[str, Any] = {
            "checkpoints": offer.checkpoints,
            "defaults": {
                "checkpoint": first,
                "width": side,
                "height": side,
                "steps": offer.steps,
                "cfg": offer.cfg,
                "count": 1,
            },
            "sides": offer.sides,
            "limits": _LIMITS,
            "can_run_graphs": Scope.GRAPHS_RUN in identity.scopes,
        }
        if offer.obstacle is not None:
            body["reason"] = {"code": offer.obstacle.code, "message": offer.obstacle.message}
        return json_response(body)

    @router.post(
        "/create",
        status_code=201,
        summary="Make pictures from words",
        responses=answers(
            {201: json_answer("Durable and queued.", JOB)},
            {
                400: "invalid_request",
                404: "not_found: the owner has put the workflow away",
                422: "no_checkpoint, invalid_workflow, idempotency_key_reuse, or a field is wrong",
                429: "queue_full, quota_exceeded: see Retry-After",
                503: "unavailable: no engine has answered yet",
                507: "disk_full",
            },
        ),
        openapi_extra={
            "parameters": [header("Idempotency-Key", "Usable once in 24 hours.")],
            "requestBody": described_body(_WISH),
        },
    )
    async def post_create(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        wish = _wish(await json_body(request), idempotency_key(request))
        return json_response(
            studio_body(await creation.create(identity, wish), request, links), 201
        )

    return router


def _wish(body: dict[str, Any], key: str | None) -> Wish:
    unknown = sorted(body.keys() - _WISH["properties"].keys())
    if unknown:
        raise Unprocessable(f"Unknown field {unknown[0]}.", details={"fields": unknown})
    given = {name: value for name, value in body.items() if value is not None}
    prompt, negative = _text(given, "prompt"), _text(given, "negative")
    if not prompt.strip():
        raise Unprocessable("prompt must say what to make.", details={"fields": ["prompt"]})
    checkpoint = _text(given, "checkpoint") or None
    cfg = given.get("cfg")
    if cfg is not None and (type(cfg) not in (int, float) or not 0 <= cfg <= MAX_CFG):
        raise Unprocessable(
            f"cfg must be a number from 0 to {MAX_CFG:g}.", details={"fields": ["cfg"]}
        )
    return Wish(
        prompt=prompt,
        negative=negative,
        checkpoint=checkpoint,
        width=_whole(given, "width", MIN_SIDE, MAX_SIDE, SIDE_STEP),
        height=_whole(given, "height", MIN_SIDE, MAX_SIDE, SIDE_STEP),
        steps=_whole(given, "steps", 1, MAX_STEPS),
        cfg=None if cfg is None else float(cfg),
        seed=_whole(given, "seed", 0, MAX_SEED),
        count=_whole(given, "count", 1, MAX_COUNT) or 1,
        idempotency_key=key,
        webhook=job_webhook(body),
    )


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_PROMPT:
        raise Unprocessable(
            f"{name} must be text of at most {MAX_PROMPT} characters.", details={"fields": [name]}
        )
    return value


def _whole(given: dict[str, Any], name: str, low: int, high: int, step: int = 1) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high or value % step:
        multiple = f", a multiple of {step}" if step > 1 else ""
        raise Unprocessable(
            f"{name} must be a whole number from {low} to {high}{multiple}.",
            details={"fields": [name]},
        )
    return value
