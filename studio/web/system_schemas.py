"""What the OpenAPI page says about health, keys, secrets, backups and the editor."""

from __future__ import annotations

from typing import Any, Final

from studio.models import Scope
from studio.web.house_schemas import ENGINE
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    answers,
    array,
    json_answer,
    json_body,
    optional,
    record,
)

Route = dict[str, Any]

_READY: Final = record(
    {
        "ready": BOOLEAN,
        "reasons": array(STRING),
        "engines": {**OBJECT, "example": {"comfyui": "ready"}},
        "isolation": BOOLEAN,
        "notices": array(STRING),
    }
)
_SCOPES: Final = array({"type": "string", "enum": sorted(Scope)})
_KEY: Final = {
    "id": STRING,
    "name": STRING,
    "user_id": STRING,
    "scopes": _SCOPES,
    "created_at": TIME,
    "expires_at": optional(TIME),
    "last_used_at": optional(TIME),
    "requests_per_minute": optional(INTEGER),
}
_SHOWN_ONCE: Final[Schema] = {**STRING, "description": "Shown this once.", "example": "studio_..."}


def _public(good: Schema, more: dict[int | str, Schema] | None = None) -> Route:
    """A route for everybody, which refuses nobody."""
    return {"responses": {200: json_answer("The answer.", good), **(more or {})}}


def _json(good: Schema, errors: dict[int, str] | None = None, *, status: int = 200) -> Route:
    return {"responses": answers({status: json_answer("The answer.", good)}, errors)}


def _takes(body: Schema) -> Route:
    return {"openapi_extra": {"requestBody": json_body(body)}}


def _done(errors: dict[int, str] | None = None) -> Route:
    return {"responses": answers({204: {"description": "Done."}}, errors)}


GET_ROOT: Final = _public(record({"name": STRING, "version": STRING, "openapi": STRING}))
GET_HEALTH: Final = _public(
    record({"status": {"type": "string", "enum": ["ok"]}, "version": STRING})
)
GET_READY: Final = _public(_READY, {503: json_answer("No work is taken; reasons say why.", _READY)})
GET_METRICS: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "Prometheus' text format.",
                "content": {"text/plain": {"schema": STRING}},
            }
        }
    )
}
LIST_ENGINES: Final = _json(record({"engines": array(ENGINE)}))
GET_OBJECT_INFO: Final = _json(
    {**OBJECT, "example": {"EmptyImage": {"input": {"required": {"width": ["INT", {}]}}}}},
    {404: "not_found", 503: "unavailable"},
)
BACKUP: Final[Route] = {
    **_json(
        {**OBJECT, "description": "What was written."},
        {400: "invalid_request", 422: "invalid_request", 507: "disk_full"},
    ),
    **_takes(record({"to": {**STRING, "example": "/backups/studio.tar"}})),
}
LIST_KEYS: Final = _json(record({"keys": array(record(_KEY))}))
CREATE_KEY: Final[Route] = {
    **_json(
        record({**_KEY, "key": _SHOWN_ONCE}),
        {400: "invalid_request", 422: "invalid_request"},
        status=201,
    ),
    **_takes(
        record(
            {
                "name": {**STRING, "minLength": 1, "maxLength": 100},
                "scopes": {**_SCOPES, "example": ["jobs", "assets"]},
                "expires_in_days": {**INTEGER, "minimum": 1, "maximum": 36_500},
                "requests_per_minute": {**INTEGER, "minimum": 1, "maximum": 1_000_000},
            },
            ("name",),
        )
    ),
}
REVOKE_KEY: Final = _done({404: "not_found"})
LIST_SECRETS: Final = _json(
    record({"secrets": array(record({"name": STRING, "updated_at": TIME}))})
)
PUT_SECRET: Final[Route] = {
    **_done({400: "invalid_request", 422: "invalid_request"}),
    **_takes(record({"value": {**STRING, "minLength": 1, "maxLength": 8192}})),
}
DELETE_SECRET: Final = _done({404: "not_found"})
OPEN_EDITOR: Final[Route] = {
    **_json(
        record({"url": {"type": "string", "format": "uri", "description": "Works once."}}),
        {
            400: "invalid_request: not JSON, or both are named",
            404: "not_found: no such job or workflow",
            422: "invalid_request; invalid_value (details.input): what a workflow of blocks needs "
            "before it makes a graph",
            503: "no_engine",
        },
    ),
    "openapi_extra": {
        "requestBody": json_body(
            record({"job": STRING, "workflow": STRING}, required=()),
            required=False,
            example={"job": "0f8fad5b-d9cb-469f-a165-70867728950e"},
        )
    },
}
