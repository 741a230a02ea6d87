"""What the OpenAPI page says about snapshots, exports, imports and an announced stop."""

from __future__ import annotations

from typing import Any, Final

from studio.services.stopping import Phase
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Schema,
    answers,
    array,
    optional,
    query,
    record,
    route,
)

_BINARY: Final[Schema] = {"type": "string", "format": "binary"}
_DISK: Final = {503: "storage_unavailable", 507: "disk_full"}
_SNAPSHOT: Final = record(
    {"name": STRING, "taken_at": TIME, "reason": STRING, "size_bytes": INTEGER}
)
_STAGED: Final = record(
    {
        "created_at": STRING,
        "files": INTEGER,
        "missing": INTEGER,
        "secrets": BOOLEAN,
        "kept_as": {**STRING, "description": "The folder that what is there now is moved to."},
    }
)
_STOP: Final = record(
    {
        "phase": {"type": "string", "enum": [phase.value for phase in Phase]},
        "wait": BOOLEAN,
        "reason": optional(STRING),
        "jobs_inside": INTEGER,
        "waits_for": array(record({"job": STRING, "engine": optional(STRING)})),
        "downloads_running": INTEGER,
    }
)
_SWITCH: Final[Schema] = {"type": "string", "enum": ["0", "1"]}


def _file(media_type: str, description: str) -> dict[int | str, Schema]:
    return {200: {"description": description, "content": {media_type: {"schema": _BINARY}}}}


LIST_BACKUPS: Final = route(
    record(
        {
            "snapshots": array(_SNAPSHOT),
            "every_s": INTEGER,
            "keep_newest": INTEGER,
            "keep_days": INTEGER,
            "trouble": optional(STRING),
        }
    )
)
TAKE_BACKUP: Final = route(_SNAPSHOT, _DISK, status=201)
GET_BACKUP: Final[dict[str, Any]] = {
    "responses": answers(
        _file("application/vnd.sqlite3", "The database, secrets included."), {404: "not_found"}
    ),
}
EXPORT: Final[dict[str, Any]] = {
    "responses": answers(
        _file("application/x-tar", "An archive that another Studio takes in."),
        {400: "invalid_request", 409: "conflict", **_DISK},
    ),
    "openapi_extra": {
        "parameters": [
            query("assets", "Whether pictures and other files go along; they do.", _SWITCH),
            query("secrets", "Whether secrets and tokens go along; they do not.", _SWITCH),
        ]
    },
}
STAGE_IMPORT: Final[dict[str, Any]] = {
    **route(_STAGED, {400: "invalid_request", 409: "conflict", **_DISK}),
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/x-tar": {"schema": _BINARY}}}
    },
}
GET_IMPORT: Final = route(record({"staged": optional(_STAGED)}))
FORGET_IMPORT: Final = route(None, status=204)
APPLY_IMPORT: Final = route(
    _STAGED, {400: "invalid_request", 404: "not_found", **_DISK}, status=202
)
GET_STOP: Final = route(_STOP)
PREPARE_STOP: Final = route(
    _STOP,
    {400: "invalid_request", 422: "invalid_request"},
    status=202,
    body=record({"wait": {**BOOLEAN, "default": True}}, ()),
)
TAKE_BACK_STOP: Final = route(_STOP)
