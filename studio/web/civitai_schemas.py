"""What the OpenAPI page says about Civitai's models and pictures."""

from __future__ import annotations

from typing import Any, Final

from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    Schema,
    array,
    optional,
    path,
    query,
    record,
    route,
)

Route = dict[str, Any]

_TEXT: Final[Schema] = optional(STRING)
_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = optional(INTEGER)
_HERE: Final = optional(record({"id": STRING, "folder": STRING, "name": STRING}))
_FILE: Final = record(
    {
        "id": INTEGER,
        "name": STRING,
        "type": STRING,
        "folder": _TEXT,
        "about_bytes": _COUNT,
        "sha256": _TEXT,
        "format": _TEXT,
        "precision": _TEXT,
        "size": _TEXT,
        "primary": BOOLEAN,
        "scanned": BOOLEAN,
        "here": _HERE,
        "install": optional(OBJECT),
        "entry": optional(OBJECT),
    }
)
_VERSION: Final = record(
    {
        "id": INTEGER,
        "name": STRING,
        "base_model": _TEXT,
        "trained_words": array(STRING),
        "description": STRING,
        "early_access_until": _TEXT,
        "downloadable": BOOLEAN,
        "files": array(_FILE),
    }
)
_MODEL: Final = record(
    {
        "id": INTEGER,
        "name": STRING,
        "type": STRING,
        "description": STRING,
        "creator": _TEXT,
        "license": _TEXT,
        "nsfw": BOOLEAN,
        "tags": array(STRING),
        "page": STRING,
        "chosen": _COUNT,
        "versions": array(_VERSION),
    }
)
_RECIPE: Final = record(
    {
        "prompt": STRING,
        "negative": STRING,
        "seed": _COUNT,
        "steps": _COUNT,
        "cfg": optional(_NUMBER),
        "sampler_name": _TEXT,
        "scheduler": _TEXT,
        "width": _COUNT,
        "height": _COUNT,
    }
)
_PICTURE_FIELDS: Final[dict[str, Schema]] = {
    "id": INTEGER,
    "page": STRING,
    "kind": {**STRING, "enum": ["image", "video", "audio"]},
    "width": _COUNT,
    "height": _COUNT,
    "nsfw": BOOLEAN,
    "creator": _TEXT,
    "base_model": _TEXT,
    "recipe": optional(_RECIPE),
}
_USED: Final = record(
    {
        "kind": STRING,
        "name": STRING,
        "weight": optional(_NUMBER),
        "state": {**STRING, "enum": ["present", "missing"]},
        "match": _TEXT,
        "here": _HERE,
        "title": _TEXT,
        "trained_words": array(STRING),
        "install": optional(OBJECT),
    }
)
_REFUSALS: Final = {
    400: "invalid_request",
    502: "model_source_refused, model_source_gone, rate_limited, source_unreachable, source_error",
}

LOOK: Final[Route] = route(
    record(
        {
            "model": optional(_MODEL),
            "picture": optional(record({**_PICTURE_FIELDS, "used": array(_USED)})),
        }
    ),
    _REFUSALS,
    parameters=(query("url", "the address of a model, a version or a picture, or a reference"),),
)
PICTURES: Final[Route] = route(
    record({"items": array(record(_PICTURE_FIELDS)), "next_cursor": _TEXT}),
    _REFUSALS,
    parameters=(
        path("version_id"),
        query("cursor", "next_cursor of the page before"),
        query("limit", "how many, to 100", INTEGER),
        query("nsfw", "1: those too that are not for everybody"),
    ),
)
INPUT: Final[Route] = route(
    record({"id": STRING, "content_type": STRING, "size_bytes": INTEGER, "file_path": STRING}),
    {**_REFUSALS, 413: "payload_too_large", 422: "not_a_model: neither a picture nor a film"},
    status=201,
    parameters=(path("picture_id"),),
)
