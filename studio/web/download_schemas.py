"""What the OpenAPI page says about downloads."""

from __future__ import annotations

from typing import Any, Final

from studio.services.download_wishes import MAX_PRIORITY, MAX_REFERENCE
from studio.store.downloads import DownloadState
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    query,
    record,
    route,
)

LEAST_SPEED: Final = 16_384
MOST_AT_ONCE: Final = 8
MOST_ENDED: Final = 500
_NUMBER: Final[Schema] = {"type": "number"}
_SHA256: Final[Schema] = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
_PRIORITY: Final[Schema] = {**INTEGER, "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY}

_LIMIT_FIELDS: Final = {
    "concurrency": {**INTEGER, "minimum": 1, "maximum": MOST_AT_ONCE},
    "bytes_per_second": optional({**INTEGER, "minimum": LEAST_SPEED}),
}
_LIMITS: Final = record(_LIMIT_FIELDS)
_DOWNLOAD: Final = record(
    {
        "id": STRING,
        "reference": STRING,
        "root": {"type": "string", "enum": ["models", "llm", "cache"]},
        "folder": STRING,
        "name": optional(STRING),
        "state": {"type": "string", "enum": list(DownloadState)},
        "priority": INTEGER,
        "rank": _NUMBER,
        "size_bytes": optional(INTEGER),
        "received_bytes": INTEGER,
        "bytes_per_second": INTEGER,
        "eta_seconds": optional(_NUMBER),
        "retry_in_seconds": optional(_NUMBER),
        "sha256": optional(STRING),
        "expected_sha256": optional(STRING),
        "allow_pickle": BOOLEAN,
        "page": optional(STRING),
        "license": optional(STRING),
        "error": optional(record({"code": STRING, "message": STRING, "details": optional(OBJECT)})),
        "user_id": STRING,
        "created_at": TIME,
        "started_at": optional(TIME),
        "ended_at": optional(TIME),
    }
)
_ENDED: Final = {404: "not_found", 409: "conflict: it has ended"}

LIST: Final = route(
    record({"items": array(_DOWNLOAD), "limits": _LIMITS}),
    parameters=[
        query(
            "ended",
            "How many that have ended, 50 if nothing is said.",
            {**INTEGER, "minimum": 0, "maximum": MOST_ENDED},
        )
    ],
)
ADD: Final = route(
    _DOWNLOAD,
    {
        400: "invalid_request: no reference, no folder of models, no name",
        403: "forbidden, blocked_address",
        409: "name_taken: a file of another hash is to have that name",
        422: "invalid_request, not_a_model, pickle_refused",
        429: "queue_full",
        507: "disk_full",
    },
    status=201,
    body=record(
        {
            "reference": {**STRING, "maxLength": MAX_REFERENCE},
            "folder": STRING,
            "name": STRING,
            "sha256": _SHA256,
            "size_bytes": {**INTEGER, "minimum": 1},
            "allow_pickle": BOOLEAN,
            "replace": BOOLEAN,
            "priority": _PRIORITY,
        },
        ("reference", "folder"),
    ),
    example={
        "reference": "https://models.example/detail.safetensors",
        "folder": "loras",
    },
)
GET: Final = route(_DOWNLOAD, {404: "not_found"})
DELETE: Final = route(None, {404: "not_found", 409: "conflict: it was done just now"}, status=204)
PAUSE: Final = route(_DOWNLOAD, _ENDED)
RESUME: Final = route(_DOWNLOAD, _ENDED)
RETRY: Final[dict[str, Any]] = route(
    _DOWNLOAD,
    {404: "not_found", 409: "conflict: it has not ended, or is done"},
    body=record({"allow_pickle": BOOLEAN, "replace": BOOLEAN}, ()),
    example={},
)
MOVE: Final = route(
    _DOWNLOAD,
    {**_ENDED, 422: "invalid_request"},
    body=record({"before": optional(STRING), "priority": _PRIORITY}, ()),
    example={"priority": 10},
)
GET_LIMITS: Final = route(_LIMITS)
PUT_LIMITS: Final = route(
    _LIMITS,
    {422: "invalid_request"},
    body=record(_LIMIT_FIELDS, ("concurrency",)),
    example={"concurrency": 2, "bytes_per_second": 20_000_000},
)
