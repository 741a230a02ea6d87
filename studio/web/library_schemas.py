"""What the OpenAPI page says about the library."""

from __future__ import annotations

from typing import Any, Final

from studio.services.library import ACTIONS, MAX_RATING, MAX_TITLE
from studio.store.picture_list import SORTS
from studio.web.library_query import KINDS
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
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

Route = dict[str, Any]

_FLAG: Final[Schema] = {"type": "string", "enum": ["0", "1"]}
_KIND: Final[Schema] = {"type": "string", "enum": list(KINDS)}
_RATING: Final[Schema] = {**INTEGER, "minimum": 0, "maximum": MAX_RATING}
_IDS: Final = array(STRING, minItems=1, maxItems=5_000)
_FILE: Final[dict[str, Schema]] = {
    "id": {**STRING, "description": "The asset's id."},
    "job_id": optional(STRING),
    "node_id": optional(STRING),
    "user": record({"id": STRING, "name": STRING}),
    "kind": _KIND,
    "content_type": STRING,
    "name": STRING,
    "title": STRING,
    "size_bytes": INTEGER,
    "width": optional(INTEGER),
    "height": optional(INTEGER),
    "duration_ms": optional(INTEGER),
    "created_at": TIME,
    "trashed_at": optional(TIME),
    "seed": optional(INTEGER),
    "rating": _RATING,
    "favourite": BOOLEAN,
    "boards": array(STRING),
    "prompt": {**STRING, "description": "Its first 300 characters."},
    "workflow_id": STRING,
    "preset_id": optional(STRING),
    "batch_id": optional(STRING),
    "thumbnail": optional(STRING),
    "preview": optional(STRING),
    "content": STRING,
}
_JOB: Final = record(
    {
        "id": STRING,
        "title": STRING,
        "status": STRING,
        "origin": STRING,
        "engine": optional(STRING),
        "created_at": TIME,
        "started_at": optional(TIME),
        "completed_at": optional(TIME),
    }
)
_NUMBER: Final[Schema] = {"type": "number"}
_DETAIL: Final[Schema] = {
    **record(
        {
            **_FILE,
            "job": optional(_JOB),
            "prompts": record({"positive": array(STRING), "negative": array(STRING)}),
            "parameters": OBJECT,
            "models": array(STRING),
            "loras": array(
                record(
                    {
                        "file": STRING,
                        "strength": optional(_NUMBER),
                        "strength_clip": optional(_NUMBER),
                    }
                )
            ),
            "recipe": optional(OBJECT),
            "graph": {**OBJECT, "description": "With the scope graphs:run."},
        },
        (*_FILE, "job", "prompts", "parameters", "models", "loras", "recipe"),
    )
}
_BOARD: Final = record(
    {
        "id": STRING,
        "user_id": STRING,
        "name": STRING,
        "cover": optional(STRING),
        "count": INTEGER,
        "created_at": TIME,
    }
)
_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 80}


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


_RULES: Final[dict[str, Schema]] = {
    "trash_days": _whole(0, 3_650),
    "max_age_days": optional(_whole(1, 36_500)),
    "max_count": optional(_whole(1, 10_000_000)),
    "min_free_gb": optional(_whole(1, 100_000)),
    "spare_favourites": BOOLEAN,
    "spare_boards": BOOLEAN,
}
_FOUND: Final = record({"count": INTEGER, "size_bytes": INTEGER, "ids": array(STRING)})
_COUNTED: Final = array(record({"value": STRING, "count": INTEGER}))


_FILTERS: Final = [
    query("q", "Words of the prompt, or a part of the name or title."),
    query("model", "A model's file name."),
    query("lora", "A LoRA's file name."),
    query("seed", "The seed."),
    query("width", "Pixels."),
    query("height", "Pixels."),
    query("from", "Made at this time or later."),
    query("to", "Made before this time."),
    query("workflow", "A workflow's id."),
    query("preset", "A preset's id."),
    query("batch", "A batch's id."),
    query("rating", "At least so many stars.", _RATING),
    query("favourite", "1: favourites alone.", _FLAG),
    query("board", "A board's id."),
    query("kind", "One kind alone.", _KIND),
    query("user", "A user's id."),
    query("source", "upload: what was uploaded.", {**STRING, "enum": ["output", "upload"]}),
    query("trashed", "1: the trash.", _FLAG),
    query("sort", "newest, if nothing is said.", {**STRING, "enum": list(SORTS)}),
]
PAGE: Final = route(
    record({"items": array(record(_FILE)), "total": INTEGER}),
    {400: "invalid_request"},
    parameters=[
        *_FILTERS,
        query("start", "How many to leave out.", _whole(0, 1 << 31)),
        query("limit", "How many at most, 100 if nothing is said.", _whole(1, 500)),
    ],
)
OUTLINE: Final = route(
    record(
        {
            "total": INTEGER,
            "ratios": array({**optional(INTEGER), "description": "Width by height in percent."}),
            "days": array(record({"day": {**STRING, "format": "date"}, "count": INTEGER})),
        }
    ),
    {400: "invalid_request"},
    parameters=[
        *_FILTERS,
        query("utc_offset", "Minutes ahead of UTC; days begin by that clock.", _whole(-840, 840)),
    ],
)
GET: Final = route(_DETAIL, {404: "not_found"})
UPDATE: Final = route(
    record(_FILE),
    {404: "not_found", 422: "invalid_request"},
    body=record(
        {"rating": _RATING, "favourite": BOOLEAN, "title": {**STRING, "maxLength": MAX_TITLE}}, ()
    ),
)
ACT: Final = route(
    record(
        {
            "changed": INTEGER,
            "not_found": array(STRING),
            "refused": array(record({"id": STRING, "code": STRING, "message": STRING})),
        }
    ),
    {404: "not_found: no such board", 422: "invalid_request"},
    body=record(
        {
            "ids": _IDS,
            "action": {"type": "string", "enum": list(ACTIONS)},
            "value": {"description": "The rating, or the board's id."},
        },
        ("ids", "action"),
    ),
)
ZIP: Final = route(
    record(
        {
            "url": {"type": "string", "format": "uri"},
            "url_expires_at": TIME,
            "count": INTEGER,
            "size_bytes": INTEGER,
            "not_found": array(STRING),
        }
    ),
    {404: "not_found", 422: "invalid_request"},
    body=record({"ids": _IDS}),
)
DOWNLOAD: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "The files as they are stored.",
                "content": {"application/zip": {"schema": {**STRING, "format": "binary"}}},
            }
        },
        {404: "not_found"},
    )
}
FACETS: Final = route(
    record(
        {
            "models": _COUNTED,
            "loras": _COUNTED,
            "workflows": _COUNTED,
            "kinds": _COUNTED,
            "users": array(record({"id": STRING, "name": STRING, "count": INTEGER})),
        }
    )
)
GET_RULES: Final = route(record(_RULES))
PUT_RULES: Final = route(record(_RULES), {422: "invalid_request"}, body=record(_RULES, ()))
PREVIEW_RULES: Final = route(
    record({"trash": _FOUND, "purge": _FOUND}),
    {422: "invalid_request"},
    body=record(_RULES, ()),
)
LIST_BOARDS: Final = route(record({"items": array(_BOARD), "total": INTEGER}))
CREATE_BOARD: Final = route(
    _BOARD,
    {409: "name_taken, conflict", 422: "invalid_request"},
    status=201,
    body=record({"name": _NAME}),
)
BOARD: Final = route(
    _BOARD,
    {404: "not_found", 409: "name_taken", 422: "invalid_request"},
    body=record({"name": _NAME, "cover": optional(STRING)}, ()),
)
DELETE_BOARD: Final = route(None, {404: "not_found"}, status=204)
