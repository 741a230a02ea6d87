"""What the OpenAPI page says about Civitai's models and pictures."""

from __future__ import annotations

from typing import Any, Final

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
    "nsfw_level": INTEGER,
    "creator": _TEXT,
    "base_model": _TEXT,
    "recipe": optional(_RECIPE),
}
_KEPT: Final = record(
    {
        "content": STRING,
        "thumbnail": STRING,
        "content_type": STRING,
        "size_bytes": INTEGER,
        "stars": INTEGER,
        "kept_at": TIME,
    }
)
_KEPT_PICTURE: Final = record({**_PICTURE_FIELDS, "kept": _KEPT})
_USED: Final = record(
    {
        "kind": STRING,
        "name": STRING,
        "weight": optional(_NUMBER),
        "state": {**STRING, "enum": ["present", "missing", "unknown"]},
        "match": _TEXT,
        "here": _HERE,
        "title": _TEXT,
        "trained_words": array(STRING),
        "install": optional(OBJECT),
    }
)
_SEEN: Final = record(
    {
        **_PICTURE_FIELDS,
        "used": array(_USED),
        "form": optional(
            record({"workflow_id": STRING, "values": OBJECT, "left_out": array(STRING)})
        ),
        "kept": optional(_KEPT),
    }
)
_NSFW: Final = "forbidden, nsfw_left_out"
_REFUSALS: Final = {
    400: "invalid_request",
    403: _NSFW,
    502: "model_source_refused, model_source_gone, rate_limited, source_unreachable, source_error",
}

LOOK: Final[Route] = route(
    record(
        {
            "model": optional(_MODEL),
            "picture": optional(_SEEN),
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
_PICTURE_ID: Final = (path("picture_id"),)
_NOT_KEPT: Final = {400: "invalid_request", 403: _NSFW, 404: "not_found: it is not kept"}
_KEEPING: Final = {
    **_REFUSALS,
    409: "gallery_full",
    422: "not_a_model: neither a picture nor a film",
    507: "disk_full",
}


def _bytes(description: str, content_type: str, *parameters: Schema) -> Route:
    content = {content_type: {"schema": {**STRING, "format": "binary"}}}
    good: dict[int | str, Schema] = {200: {"description": description, "content": content}}
    return {
        "responses": answers(good, _NOT_KEPT),
        "openapi_extra": {"parameters": list(parameters)},
    }


GALLERY: Final[Route] = route(
    record(
        {
            "items": array(_KEPT_PICTURE),
            "next_cursor": _TEXT,
            "count": INTEGER,
            "used_bytes": INTEGER,
            "limit_bytes": INTEGER,
            "nsfw_allowed": BOOLEAN,
        }
    ),
    {400: "invalid_request", 403: _NSFW},
    parameters=(
        query("version", "only those of this version, the first that came first", INTEGER),
        query("stars", "only those to which you gave so many stars or more", INTEGER),
        query("cursor", "next_cursor of the page before"),
        query("limit", "how many, to 100", INTEGER),
        query("nsfw", "1: those too that are not for everybody"),
    ),
)
COLLECT: Final[Route] = route(
    record(
        {
            "items": array(_KEPT_PICTURE),
            "next_cursor": _TEXT,
            "refused": array(record({"id": INTEGER, "code": STRING, "message": STRING})),
            "retry_after_s": _COUNT,
        }
    ),
    {**_KEEPING, 422: "invalid_request"},
    body=record(
        {
            "version_id": INTEGER,
            "cursor": _TEXT,
            "limit": {**INTEGER, "minimum": 1, "maximum": 24},
            "nsfw": BOOLEAN,
        },
        ("version_id",),
    ),
)
PICTURE: Final[Route] = route(_SEEN, _NOT_KEPT, parameters=_PICTURE_ID)
KEEP: Final[Route] = route(_KEPT_PICTURE, _KEEPING, parameters=_PICTURE_ID)
REMOVE: Final[Route] = route(
    None,
    {400: "invalid_request", 404: "not_found: it is not kept"},
    status=204,
    parameters=_PICTURE_ID,
)
STARS: Final[Route] = route(
    _KEPT_PICTURE,
    {**_NOT_KEPT, 422: "invalid_request"},
    parameters=_PICTURE_ID,
    body=record({"stars": {**INTEGER, "minimum": 0, "maximum": 5}}),
)
CONTENT: Final[Route] = _bytes("The picture or film itself.", "*/*", *_PICTURE_ID)
THUMBNAIL: Final[Route] = _bytes(
    "A WebP picture of it, or of a frame.",
    "image/webp",
    *_PICTURE_ID,
    query("size", "large (768 pixels, the default) or small (256)"),
)
MAKE_PRESET: Final[Route] = route(
    record({"preset": OBJECT, "left_out": array(STRING)}),
    {**_NOT_KEPT, 409: "conflict: you have as many presets as there may be", 422: "invalid_preset"},
    status=201,
    parameters=_PICTURE_ID,
    body=record({"name": _TEXT}, ()),
)
