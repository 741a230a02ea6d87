"""What the OpenAPI page says about pictures in OpenAI's protocol, and about what draws them."""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.drawing_fields import ROLES
from studio.services.drawing_models import TASKS
from studio.services.picture_formats import FORMATS
from studio.web.image_orders import MAX_N, MAX_PARTIAL, MAX_PICTURES, MAX_PROMPT
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    LABELS,
    STRING,
    Schema,
    answers,
    array,
    header,
    optional,
    record,
    route,
)
from studio.web.webhook_schemas import JOB_FIELDS

_BINARY: Final[Schema] = {"type": "string", "format": "binary"}
_KEY: Final = header(
    "Idempotency-Key", "The same order with the same key within a day gets the same pictures."
)
_ORDER: Final[dict[str, Schema]] = {
    "prompt": {**STRING, "minLength": 1, "maxLength": MAX_PROMPT},
    "model": {**STRING, "description": "A drawing model; without it the default."},
    "n": {**INTEGER, "minimum": 1, "maximum": MAX_N},
    "size": {**STRING, "pattern": "^(auto|[0-9]+x[0-9]+)$"},
    "quality": {**STRING, "description": "Counts where the preset has such an option."},
    "negative_prompt": {**STRING, "maxLength": MAX_PROMPT},
    "seed": {**INTEGER, "minimum": 0},
    "response_format": {**STRING, "enum": ["url", "b64_json"]},
    "output_format": {**STRING, "enum": list(FORMATS)},
    "output_compression": {**INTEGER, "minimum": 0, "maximum": 100},
    "stream": BOOLEAN,
    "partial_images": {**INTEGER, "minimum": 0, "maximum": MAX_PARTIAL},
    **JOB_FIELDS,
}
_IMAGES: Final = record(
    {
        "created": INTEGER,
        "data": array(record({"url": STRING, "b64_json": STRING}, ())),
        "output_format": STRING,
        "size": STRING,
    },
    ("created", "data"),
)
_ANSWERS: Final = answers(
    {
        200: {
            "description": "The pictures; with `stream` the events of OpenAI's protocol.",
            "content": {
                "application/json": {"schema": _IMAGES},
                "text/event-stream": {"schema": STRING},
            },
        }
    },
    {
        400: "invalid_request",
        404: "model_not_found",
        413: "payload_too_large",
        422: "invalid_request, invalid_value, drawing_failed, idempotency_key_reuse",
        429: "queue_full, too_many_streams",
        507: "disk_full",
    },
)


def _takes(kind: str, properties: dict[str, Schema], required: tuple[str, ...]) -> dict[str, Any]:
    schema = record(properties, required)
    content = {kind: {"schema": schema}}
    return {
        "responses": _ANSWERS,
        "openapi_extra": {
            "parameters": [_KEY],
            "requestBody": {"required": True, "content": content},
        },
    }


GENERATE: Final = _takes("application/json", _ORDER, ("prompt",))
EDIT: Final = _takes(
    "multipart/form-data",
    {"image": array(_BINARY, maxItems=MAX_PICTURES), "mask": _BINARY, **_ORDER},
    ("image", "prompt"),
)

_FIELDS: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {role: {**STRING, "description": "The id of an input."} for role in ROLES},
}
_TARGET: Final = record(
    {"preset_id": optional(STRING), "workflow_id": optional(STRING), "fields": _FIELDS}, ()
)
_DRAWS: Final = record(
    {
        "preset_id": optional(STRING),
        "workflow_id": optional(STRING),
        "name": STRING,
        "fields": LABELS,
        "chosen": LABELS,
    }
)
_MODEL: Final = record(
    {
        "name": STRING,
        "default": BOOLEAN,
        "built_in": BOOLEAN,
        **{task: optional(_DRAWS) for task in TASKS},
    }
)
LIST_MODELS: Final = route(record({"items": array(_MODEL)}))
PUT_MODEL: Final = route(
    _MODEL,
    {409: "conflict", 422: "invalid_request"},
    body=record({task: optional(_TARGET) for task in TASKS}, ()),
    example={"generate": {"workflow_id": "text-to-image"}, "edit": None},
)
DELETE_MODEL: Final[dict[str, Any]] = {
    "status_code": 204,
    "responses": answers({204: {"description": "Forgotten."}}, {404: "not_found"}),
}
