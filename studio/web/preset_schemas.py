"""What the OpenAPI page says about saved prompts, word lists, presets and batches."""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.grids import MAX_AXES, MAX_CELLS, MAX_COUNT, MAX_PLACES
from studio.services import preset_fields as fields
from studio.services.prompts import KINDS
from studio.web.job_schemas import JOB
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    answers,
    array,
    header,
    optional,
    query,
    record,
    route,
)
from studio.web.webhook_schemas import JOB_FIELDS

Route = dict[str, Any]

_NAME: Final[Schema] = {**STRING, "minLength": 1, "maxLength": fields.MAX_NAME}
_TAGS: Final = array({**STRING, "maxLength": fields.MAX_TAG}, maxItems=fields.MAX_TAGS)
_RATING: Final[Schema] = {**INTEGER, "minimum": 0, "maximum": fields.MAX_RATING}
_KIND: Final[Schema] = {**STRING, "enum": list(KINDS)}
_VERSION: Final = optional({**INTEGER, "minimum": 1})
_TOTAL: Final[Schema] = {**INTEGER, "minimum": 0}
_WHO: Final = record({"id": STRING, "name": STRING})
_PRIORITY: Final[Schema] = {**INTEGER, "minimum": -100, "maximum": 100}
_COUNT: Final[Schema] = {**INTEGER, "minimum": 1, "maximum": MAX_COUNT}

_PROMPT_FIELDS: Final[dict[str, Schema]] = {
    "name": _NAME,
    "kind": _KIND,
    "text": {**STRING, "minLength": 1, "maxLength": fields.MAX_TEXT},
    "tags": _TAGS,
    "shared": BOOLEAN,
}
_PROMPT: Final = record(
    {"id": STRING, **_PROMPT_FIELDS, "user_id": STRING, "created_at": TIME, "updated_at": TIME}
)
_LIST: Final = record({"name": STRING, "lines": INTEGER, "updated_at": TIME})
_QUESTION: Final = record(
    {
        "name": STRING,
        "text": STRING,
        "options": array(STRING),
        "default": optional(STRING),
        "where": STRING,
    }
)
_PRESET_FIELDS: Final[dict[str, Schema]] = {
    "name": _NAME,
    "description": {**STRING, "maxLength": fields.MAX_DESCRIPTION},
    "workflow_id": STRING,
    "workflow_version": _VERSION,
    "values": OBJECT,
    "tags": _TAGS,
    "rating": _RATING,
    "cover": optional(STRING),
    "shared": BOOLEAN,
}
_PRESET: Final = record(
    {
        "id": STRING,
        **_PRESET_FIELDS,
        "owner": _WHO,
        "editable": BOOLEAN,
        "questions": array(_QUESTION),
        "runs": INTEGER,
        "created_at": TIME,
        "updated_at": TIME,
        "trashed_at": optional(TIME),
    }
)
_FILE: Final = record(
    {
        "preset": {"const": 1},
        "id": STRING,
        **{name: _PRESET_FIELDS[name] for name in _PRESET_FIELDS.keys() - {"cover", "shared"}},
    },
    required=("preset", "name", "workflow_id", "values"),
)
_VARIED: Final = record(
    {
        "input": {**STRING, "description": "steps, loras[0].strength or [[question]]"},
        "values": array({}, minItems=1, maxItems=MAX_CELLS),
        "labels": array(STRING),
    },
    required=("input", "values"),
)
_AXIS: Final = record({"name": STRING, "inputs": array(STRING), "labels": array(STRING)})
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": INTEGER}
_BATCH: Final[dict[str, Schema]] = {
    "id": STRING,
    "title": STRING,
    "workflow_id": STRING,
    "workflow_version": INTEGER,
    "preset_id": optional(STRING),
    "user_id": STRING,
    "axes": array(_AXIS),
    "size": INTEGER,
    "counts": _COUNTS,
    "created_at": TIME,
}
_CELL: Final = record(
    {
        "index": INTEGER,
        "coords": array(INTEGER),
        "labels": array(STRING),
        "job_id": optional(STRING),
        "status": STRING,
        "assets": array(STRING),
        "trashed": BOOLEAN,
    }
)
_WHOLE_BATCH: Final = record({**_BATCH, "cells": array(_CELL)})
_KEY: Final = header("Idempotency-Key", "Usable once in 24 hours.")
_REFUSALS: Final = {
    400: "invalid_request",
    404: "not_found",
    409: "conflict: the preset is in the trash",
    422: "invalid_prompt, invalid_answers, invalid_batch, invalid_value, missing_asset, ...",
    429: "queue_full, quota_exceeded: details.room says how many jobs there is room for",
    507: "disk_full",
}
_FIELDS_REFUSED: Final = {
    409: "conflict: there are too many",
    422: "invalid_preset, invalid_prompt, workflow_not_shared",
}
_UNKNOWN: Final = {404: "not_found"}


def _page(item: Schema) -> Schema:
    return record({"items": array(item), "total": _TOTAL})


def _limit(most: int) -> Schema:
    return query("limit", "How many at most.", {**INTEGER, "minimum": 1, "maximum": most})


_START: Final = query("start", "How many to leave out.", {**INTEGER, "minimum": 0})
_PRESET_EXAMPLE: Final = {
    "name": "Animals",
    "workflow_id": "text-to-image",
    "values": {"prompt": "a [[animal=Which animal?:fox|owl=fox]], {dawn|dusk}", "steps": 20},
}

LIST_PROMPTS: Final = route(
    _page(_PROMPT),
    {422: "invalid_preset"},
    parameters=(query("q", "Part of the name, the text or a tag."), query("kind", "One kind.")),
)
CREATE_PROMPT: Final = route(
    _PROMPT,
    _FIELDS_REFUSED,
    status=201,
    body={**record(_PROMPT_FIELDS, ("name", "text")), "additionalProperties": False},
    example={"name": "Soft light", "kind": "positive", "text": "soft window light, 35 mm"},
)
UPDATE_PROMPT: Final = route(
    _PROMPT,
    {**_UNKNOWN, **_FIELDS_REFUSED},
    body={**record(_PROMPT_FIELDS, ()), "additionalProperties": False},
    example={"shared": True},
)
DELETE: Final = route(None, _UNKNOWN, status=204)
LIST_LISTS: Final = route(_page(_LIST))
GET_LIST: Final = route(record({"name": STRING, "text": STRING}), _UNKNOWN)
PUT_LIST: Final = route(
    record({"name": STRING, "lines": INTEGER}),
    _FIELDS_REFUSED,
    body=record({"text": STRING}),
    example={"text": "fox\n2::owl\n{sea|field} mouse"},
)
LIST_PRESETS: Final = route(
    _page(_PRESET),
    {400: "invalid_request"},
    parameters=(
        query("q", "Part of the name, the description or a tag."),
        query("workflow", "The id of a workflow."),
        query("tag", "A tag."),
        query("trashed", "1: those in the trash."),
        _START,
        _limit(500),
    ),
)
CREATE_PRESET: Final = route(
    _PRESET,
    _FIELDS_REFUSED,
    status=201,
    body={**record(_PRESET_FIELDS, ("name", "workflow_id")), "additionalProperties": False},
    example=_PRESET_EXAMPLE,
)
GET_PRESET: Final = route(_PRESET, _UNKNOWN)
UPDATE_PRESET: Final = route(
    _PRESET,
    {**_UNKNOWN, **_FIELDS_REFUSED},
    body={**record(_PRESET_FIELDS, ()), "additionalProperties": False},
    example={"rating": 5, "shared": True},
)
RESTORE_PRESET: Final = route(_PRESET, _UNKNOWN)
DUPLICATE_PRESET: Final = route(
    _PRESET,
    {**_UNKNOWN, **_FIELDS_REFUSED},
    status=201,
    body=record({"name": _NAME}, ()),
    example={"name": "Animals, mine"},
)
EXPORT_PRESET: Final = route(_FILE, _UNKNOWN)
IMPORT_PRESET: Final = route(
    _PRESET, _FIELDS_REFUSED, status=201, body=_FILE, example={"preset": 1, **_PRESET_EXAMPLE}
)
PRESET_CODE: Final = route(
    record({"code": STRING}),
    {**_UNKNOWN, 422: "invalid_request"},
    parameters=(query("lang", "curl, python or javascript."),),
)
PRESET_COVER: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "A WebP picture of at most 768 pixels a side.",
                "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
        {404: "not_found: no such preset, or it has no cover"},
    )
}
RUN_PRESET: Final = route(
    record({"jobs": array(JOB), "batch_id": STRING}, ("jobs",)),
    _REFUSALS,
    status=201,
    body=record(
        {
            "answers": OBJECT,
            "values": OBJECT,
            "count": _COUNT,
            "priority": _PRIORITY,
            "title": STRING,
            **JOB_FIELDS,
        },
        (),
    ),
    example={"answers": {"animal": "owl"}, "count": 4},
    parameters=(_KEY,),
)
CREATE_BATCH: Final = route(
    _WHOLE_BATCH,
    _REFUSALS,
    status=201,
    body=record(
        {
            "workflow_id": STRING,
            "preset_id": STRING,
            "version": _VERSION,
            "values": OBJECT,
            "answers": OBJECT,
            "lists": array(_VARIED, maxItems=MAX_PLACES),
            "axes": array(_VARIED, maxItems=MAX_AXES),
            "count": _COUNT,
            "priority": _PRIORITY,
            "title": STRING,
            **JOB_FIELDS,
        },
        (),
    ),
    example={
        "workflow_id": "text-to-image",
        "values": {"prompt": "a fox", "seed": 7},
        "axes": [{"input": "cfg", "values": [5, 7]}, {"input": "steps", "values": [10, 20, 30]}],
    },
    parameters=(_KEY,),
)
LIST_BATCHES: Final = route(
    _page(record(_BATCH)), {400: "invalid_request"}, parameters=(_START, _limit(200))
)
GET_BATCH: Final = route(_WHOLE_BATCH, _UNKNOWN)
CANCEL_BATCH: Final = GET_BATCH
BATCH_IMAGE: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "Every cell with its labels, at most 32 megapixels.",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
        {404: "not_found", 422: "invalid_batch: no cell has a picture yet"},
    )
}
