"""What the OpenAPI page says about links that strangers may open."""

from __future__ import annotations

from typing import Any, Final

from studio.services.share_files import MAX_FILE_BYTES
from studio.services.shares import (
    DEFAULT_HOURS,
    DEFAULT_RUNS_PER_HOUR,
    MAX_HOURS,
    MAX_LABEL,
    MAX_RUNS_PER_HOUR,
    MAX_RUNS_TOTAL,
)
from studio.web.openapi import (
    BOOLEAN,
    ERROR,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    array,
    json_answer,
    optional,
    query,
    record,
    route,
)

Route = dict[str, Any]

_NUMBER: Final[Schema] = {"type": "number"}
_BINARY: Final[Schema] = {"type": "string", "format": "binary"}
_KIND: Final[Schema] = {"type": "string", "enum": ["asset", "board", "preset"]}
_HOURS: Final[Schema] = {
    **INTEGER, "minimum": 1, "maximum": MAX_HOURS, "default": DEFAULT_HOURS
}  # fmt: skip
_PASSWORD: Final[Schema] = {**STRING, "minLength": 8, "maxLength": 256, "writeOnly": True}
_SETTINGS: Final[dict[str, Schema]] = {
    "label": {**STRING, "maxLength": MAX_LABEL},
    "expires_in_hours": _HOURS,
    "password": optional(_PASSWORD),
    "with_recipe": BOOLEAN,
    "with_previews": {**BOOLEAN, "default": True},
    "fields": array(STRING),
    "runs_per_hour": {
        **INTEGER, "minimum": 1, "maximum": MAX_RUNS_PER_HOUR, "default": DEFAULT_RUNS_PER_HOUR
    },
    "runs_total": optional({**INTEGER, "minimum": 1, "maximum": MAX_RUNS_TOTAL}),
}  # fmt: skip
_LINK: Final[dict[str, Schema]] = {
    "id": STRING,
    "kind": _KIND,
    "target": STRING,
    "label": STRING,
    "start": {**STRING, "description": "How its token begins."},
    "user": record({"id": STRING, "name": STRING}),
    "has_password": BOOLEAN,
    "with_recipe": BOOLEAN,
    "with_previews": BOOLEAN,
    "fields": array(STRING),
    "runs_per_hour": INTEGER,
    "runs_total": optional(INTEGER),
    "state": {"type": "string", "enum": ["open", "expired", "revoked", "gone"]},
    "opened": INTEGER,
    "runs": INTEGER,
    "created_at": TIME,
    "expires_at": TIME,
    "last_used_at": optional(TIME),
}
_REFUSED: Final = {403: "forbidden", 404: "not_found", 409: "conflict", 422: "invalid_request"}

LIST: Final = route(record({"items": array(record(_LINK)), "total": INTEGER}))
CREATE: Final = route(
    record({**_LINK, "url": STRING}),
    _REFUSED,
    status=201,
    body=record({"kind": _KIND, "target": STRING, **_SETTINGS}, ("kind", "target")),
    example={"kind": "preset", "target": "…", "expires_in_hours": 48},
)
UPDATE: Final = route(
    record(_LINK), _REFUSED, body=record(_SETTINGS, ()), example={"expires_in_hours": 48}
)
REVOKE: Final = route(None, {404: "not_found"}, status=204)
OPENINGS: Final = route(
    record(
        {
            "items": array(
                record(
                    {
                        "id": STRING,
                        "name": STRING,
                        "type": STRING,
                        "default": BOOLEAN,
                        "needed": BOOLEAN,
                    }
                )
            )
        }
    ),
    {404: "not_found", 422: "invalid_request"},
    parameters=[query("preset", "the preset's id")],
)

# -- for visitors ---------------------------------------------------------------------------------

_GONE: Final = {403: "share_locked", 404: "share_gone, not_found"}
_PICTURE: Final[dict[str, Schema]] = {
    "id": STRING,
    "content_type": STRING,
    "name": STRING,
    "size_bytes": INTEGER,
    "width": optional(INTEGER),
    "height": optional(INTEGER),
    "duration_ms": optional(INTEGER),
    "original": {**BOOLEAN, "description": "Whether its bytes are handed out."},
}
_FACTS: Final = record(
    {
        "locked": BOOLEAN,
        "kind": _KIND,
        "label": STRING,
        "expires_at": TIME,
        "with_recipe": BOOLEAN,
        "total": INTEGER,
        "form": record(
            {
                "name": STRING,
                "description": STRING,
                "fields": array(OBJECT),
                "questions": array(
                    record(
                        {
                            "name": STRING,
                            "text": STRING,
                            "options": array(STRING),
                            "default": optional(STRING),
                        }
                    )
                ),
            }
        ),
        "runs_per_hour": INTEGER,
        "max_file_bytes": INTEGER,
    },
    ("locked",),
)
_RUN: Final = record(
    {
        "id": STRING,
        "status": STRING,
        "created_at": TIME,
        "completed_at": optional(TIME),
        "queue_position": optional(INTEGER),
        "progress": optional(_NUMBER),
        "step": optional(INTEGER),
        "steps": optional(INTEGER),
        "preview": optional({**STRING, "description": "Which picture is there of it by now."}),
        "error": optional(STRING),
        "outputs": array(
            record(
                {
                    "id": STRING,
                    "type": optional(STRING),
                    "content_type": STRING,
                    "name": STRING,
                    "size_bytes": INTEGER,
                    "original": BOOLEAN,
                }
            )
        ),
    }
)
_BYTES: Final[Route] = {
    "responses": {
        200: {"description": "The bytes.", "content": {"*/*": {"schema": _BINARY}}},
        **{status: json_answer(text, ERROR) for status, text in _GONE.items()},
    }
}
_SIZE: Final = query("size", "small or large", {"type": "string", "enum": ["small", "large"]})

PAGE: Final[Route] = {
    "responses": {200: {"description": "The page.", "content": {"text/html": {"schema": STRING}}}}
}
FACTS: Final = route(_FACTS, _GONE)
VISIT: Final = route(
    _FACTS,
    {403: "share_locked, wrong_share_password", 404: "share_gone", 429: "rate_limited"},
    body=record({"password": STRING}, ()),
)
PICTURES: Final = route(
    record({"items": array(record(_PICTURE)), "total": INTEGER}),
    _GONE,
    parameters=[
        query("start", "how many to pass over", INTEGER),
        query("limit", "at most 100", INTEGER),
    ],
)
PICTURE: Final = route(record({**_PICTURE, "made": optional(OBJECT)}), _GONE)
CONTENT: Final = _BYTES
PREVIEW: Final = _BYTES
THUMBNAIL: Final[Route] = {**_BYTES, "openapi_extra": {"parameters": [_SIZE]}}
SEND_FILE: Final = route(
    record({"id": STRING}),
    {**_GONE, 413: "payload_too_large", 422: "invalid_request", 429: "rate_limited"},
    status=201,
    parameters=[query("name", "the file's name")],
)
SEND_FILE["openapi_extra"]["requestBody"] = {
    "required": True,
    "description": f"The bytes themselves, at most {MAX_FILE_BYTES} of them.",
    "content": {"application/octet-stream": {"schema": _BINARY}},
}
RUN: Final = route(
    _RUN,
    {
        **_GONE,
        409: "conflict",
        422: "invalid_value, invalid_answers, invalid_prompt",
        429: "rate_limited, share_used_up",
    },
    status=201,
    body=record({"id": STRING, "values": OBJECT, "answers": OBJECT}, ()),
    example={"answers": {"animal": "fox"}},
)
RUNS: Final = route(record({"items": array(_RUN)}), _GONE)
GET_RUN: Final = route(_RUN, _GONE)
