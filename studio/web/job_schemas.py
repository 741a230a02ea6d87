"""What the OpenAPI page says about the job routes."""

from __future__ import annotations

from typing import Any, Final

from studio.models import JobStatus, OutputType
from studio.web.examples import GRAPH
from studio.web.job_credentials import SCHEMA as CREDENTIALS
from studio.web.job_extras import AWAITED, RECIPE, STARTS
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    LABELS,
    OBJECT,
    STRING,
    TIME,
    Schema,
    answers,
    array,
    header,
    json_answer,
    json_body,
    optional,
    query,
    record,
)
from studio.web.webhook_schemas import JOB_FIELDS

_STATUS: Final[Schema] = {"type": "string", "enum": [status.value for status in JobStatus]}
_OUTPUT: Final = record(
    {
        "node_id": STRING,
        "name": STRING,
        "type": {"type": "string", "enum": [kind.value for kind in OutputType]},
        "content_type": STRING,
        "size_bytes": INTEGER,
        "id": {**STRING, "description": "The asset's id."},
        "hash": {**STRING, "description": "blake3:<hex>"},
        "url": {"type": "string", "format": "uri"},
        "url_expires_at": TIME,
        "job_id": STRING,
    }
)
_PROGRESS: Final = record(
    {
        "value": {"type": "number", "minimum": 0, "maximum": 1},
        "nodes_done": INTEGER,
        "nodes_total": INTEGER,
        "current_node": optional(STRING),
        "current_node_class": optional(STRING),
        "step": optional(INTEGER),
        "steps": optional(INTEGER),
        "message": optional(STRING),
    }
)
_ERROR: Final = record(
    {
        "code": STRING,
        "message": STRING,
        "node_id": optional(STRING),
        "class_type": optional(STRING),
        "traceback": optional(STRING),
        "details": OBJECT,
    },
    required=("code", "message"),
)
_V2_PROPERTIES: Final[dict[str, Schema]] = {
    "id": STRING,
    "status": _STATUS,
    "created_at": TIME,
    "started_at": optional(TIME),
    "completed_at": optional(TIME),
    "expires_at": TIME,
    "queue_position": optional(INTEGER),
    "progress": optional(_PROGRESS),
    "outputs": array(_OUTPUT),
    "error": optional(_ERROR),
    "metrics": record({"queue_ms": optional(INTEGER), "execution_ms": optional(INTEGER)}),
    "urls": record({"self": STRING, "events": STRING, "cancel": STRING}),
}
_V2_JOB: Final[Schema] = {
    **record(_V2_PROPERTIES),
    "properties": {**_V2_PROPERTIES, "metadata": LABELS},
}
_LISTED: Final[Schema] = {
    "allOf": [_V2_JOB, record({"create_time": TIME, "update_time": TIME})],
}
_OWN_PROPERTIES: Final[dict[str, Schema]] = {
    "title": STRING,
    "workflow_id": STRING,
    "user_id": STRING,
    "priority": INTEGER,
    "deadline_at": optional(TIME),
    "engine": optional(STRING),
    "attempts": INTEGER,
    "engine_deaths": INTEGER,
    "origin": STRING,
    "retry_of": optional(STRING),
    "models": array(STRING),
    "cancel_requested_at": optional(TIME),
    "progress": optional(record({**_PROGRESS["properties"], "awaited": optional(AWAITED)})),
}
JOB: Final[Schema] = {"allOf": [_V2_JOB, record(_OWN_PROPERTIES)]}
_WORKFLOW: Final[Schema] = {
    **OBJECT,
    "description": "The graph in ComfyUI's API format.",
    "example": GRAPH,
}
_EXTRA_DATA: Final = {
    **record({"api_key_comfy_org": STRING}, required=()),
    "additionalProperties": False,
    "description": "Short-lived credentials: held in memory for this job, never stored.",
}
_GIVEN: Final = {"extra_data": _EXTRA_DATA, "credentials": CREDENTIALS}
_V2_SUBMIT: Final = {
    **record(
        {"workflow": _WORKFLOW, "extra_data": _EXTRA_DATA, "metadata": LABELS},
        required=("workflow",),
    ),
    "additionalProperties": False,
}
_SUBMIT: Final = {
    **record(
        {
            **(_V2_SUBMIT["properties"] | _GIVEN | JOB_FIELDS),
            **dict.fromkeys(("title", "workflow_id"), STRING),
            "priority": {
                "type": "integer",
                "minimum": -100,
                "maximum": 100,
                "description": "Higher goes first; above 0 is the owner's.",
            },
            "deadline_at": {**TIME, "description": "A job that still waits then expires."},
            "secrets": {
                **record({"api_key_comfy_org": STRING}, required=()),
                "additionalProperties": False,
                "description": "Names of stored secrets, by the credential they stand for.",
            },
        },
        required=("workflow",),
    ),
    "additionalProperties": False,
}
_KEY: Final = header("Idempotency-Key", "Usable once in 24 hours; free again after a refusal.")
_REFUSALS: Final = {
    400: "invalid_request: not JSON, or a value out of bounds",
    413: "payload_too_large",
    422: "invalid_workflow, workflow_format_ui, missing_asset, idempotency_key_reuse, or a field "
    "is wrong",
    429: "queue_full, quota_exceeded: see Retry-After",
    507: "disk_full",
}
_PAGE: Final = (
    query("status", "One status, or several with commas between them."),
    query("cursor", "next_cursor of the page before."),
)


def _limit(most: int) -> Schema:
    return query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": most})


def _job(description: str, status: int = 200, schema: Schema = JOB) -> dict[int | str, Schema]:
    return {status: json_answer(description, schema)}


_NOT_FOUND: Final = {404: "not_found: unknown, purged, or another user's"}

V2_SUBMIT: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers(_job("Durable and queued.", 201, _V2_JOB), _REFUSALS),
    "openapi_extra": {"parameters": [_KEY], "requestBody": json_body(_V2_SUBMIT)},
}
V2_LIST: Final[dict[str, Any]] = {
    "responses": answers(
        _job(
            "One page, newest first.",
            schema=record(
                {"jobs": array(_LISTED), "truncated": BOOLEAN, "next_cursor": STRING},
                required=("jobs", "truncated"),
            ),
        ),
        {400: "invalid_request"},
    ),
    "openapi_extra": {
        "parameters": [
            *_PAGE,
            _limit(500),
            {
                **query("metadata", "metadata[key]=value: jobs with this label.", LABELS),
                "style": "deepObject",
                "explode": True,
            },
        ]
    },
}
V2_GET: Final[dict[str, Any]] = {
    "responses": answers(_job("The job as it stands.", schema=_V2_JOB), _NOT_FOUND)
}
V2_WORKFLOW: Final[dict[str, Any]] = {
    "responses": answers(
        _job(
            "The graph as it was submitted.",
            schema=record({"workflow": _WORKFLOW, "format": {"type": "string", "enum": ["api"]}}),
        ),
        _NOT_FOUND,
    )
}
V2_EVENTS: Final[dict[str, Any]] = {
    "responses": answers(
        {
            200: {
                "description": "status, progress, preview and output events; every output before "
                "the terminal status, which is the last; a comment every 15 s.",
                "content": {"text/event-stream": {"schema": STRING}},
            }
        },
        {**_NOT_FOUND, 429: "too_many_streams: 100 are open; see Retry-After"},
    )
}
V2_CANCEL: Final[dict[str, Any]] = V2_GET

SUBMIT: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers(
        _job("Durable and queued.", 201), {**_REFUSALS, 404: "not_found: no such secret"}
    ),
    "openapi_extra": {"parameters": [_KEY], "requestBody": json_body(_SUBMIT)},
}
LIST: Final[dict[str, Any]] = {
    "responses": answers(
        _job(
            "One page, newest first.",
            schema=record({"jobs": array(JOB), "next_cursor": optional(STRING)}),
        ),
        {400: "invalid_request"},
    ),
    "openapi_extra": {
        "parameters": [
            query("q", "Words of the prompt: all of them, the last one by its beginning."),
            query("model", "A model file the graph loads."),
            query("title", "The exact title."),
            query("workflow", "The exact name of the workflow it was made from."),
            query("user", "me, or for the owner a user's id: this user's alone."),
            query("from", "Created at or after this time.", TIME),
            query("to", "Created before this time.", TIME),
            *_PAGE,
            _limit(200),
        ]
    },
}
GET: Final[dict[str, Any]] = {
    "responses": answers(
        _job("The job as it stands.", schema={"allOf": [*JOB["allOf"], STARTS, RECIPE]}),
        _NOT_FOUND,
    )
}
CANCEL: Final[dict[str, Any]] = {
    "responses": answers(_job("The job as it stands."), _NOT_FOUND),
}
CANCEL_MANY: Final[dict[str, Any]] = {
    "responses": answers(
        _job(
            "The jobs as they stand, and ids of which there is no job.",
            schema=record({"jobs": array(JOB), "not_found": array(STRING)}),
        ),
        {400: "invalid_request", 422: "invalid_request"},
    ),
    "openapi_extra": {"requestBody": json_body(record({"ids": array(STRING, maxItems=1000)}))},
}
MOVE: Final[dict[str, Any]] = {
    "responses": answers(
        _job("The job in its new place."),
        {400: "invalid_request", **_NOT_FOUND, 409: "conflict: it waits no longer", 422: "a field"},
    ),
    "openapi_extra": {
        "requestBody": json_body(
            record(
                {
                    "before": {**STRING, "description": 'A job\'s id, or "" for the end.'},
                    "priority": INTEGER,
                },
                required=(),
            ),
            example={"before": ""},
        )
    },
}
RETRY: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers(
        _job("A new job over the same graph and inputs.", 201),
        {**_REFUSALS, **_NOT_FOUND, 409: "conflict: not ended, or its credentials are gone"},
    ),
    "openapi_extra": {
        "requestBody": json_body(
            record({"new_seed": BOOLEAN, **_GIVEN, **JOB_FIELDS}, required=()),
            required=False,
            example={"new_seed": True},
        )
    },
}
DELETE_OUTPUT: Final[dict[str, Any]] = {
    "status_code": 204,
    "responses": answers(
        {204: {"description": "Deleted; the job and its other outputs stay."}},
        {**_NOT_FOUND, 409: "conflict: not ended; asset_in_use: an unfinished job reads it"},
    ),
}
PACKAGE: Final[dict[str, Any]] = {
    "responses": answers(
        {
            200: {
                "description": "job.json, inputs/ and outputs/.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
        _NOT_FOUND,
    )
}
QUEUE: Final[dict[str, Any]] = {
    "responses": answers(
        _job(
            "A stretch of the waiting line.",
            schema=record(
                {
                    "paused": BOOLEAN,
                    "depth": INTEGER,
                    "next": array(JOB),
                    "jobs": array({"allOf": [*JOB["allOf"], STARTS]}),
                }
            ),
        ),
        {400: "invalid_request"},
    ),
    "openapi_extra": {
        "parameters": [
            query("start", "How many to pass over.", {"type": "integer", "minimum": 0}),
            _limit(200),
        ]
    },
}
PAUSE: Final[dict[str, Any]] = {
    "responses": answers(_job("The switch as it stands.", schema=record({"paused": BOOLEAN})))
}
CLEAR: Final[dict[str, Any]] = {
    "responses": answers(_job("How many were cancelled.", schema=record({"canceled": INTEGER})))
}
