"""What the OpenAPI page says about the asset routes."""

from __future__ import annotations

from typing import Any, Final

UPLOAD_FIELDS: Final = frozenset({"content_type", "file_path", "expected_hash", "expires_in"})
"""Text fields of an upload that may occur once; ``tags`` may repeat."""

_STRING: Final[dict[str, Any]] = {"type": "string"}
_TIME: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_TAGS: Final[dict[str, Any]] = {"type": "array", "items": _STRING, "maxItems": 32}
_EXPIRES_IN: Final[dict[str, Any]] = {
    "type": "integer",
    "minimum": 60,
    "maximum": 604_800,
    "description": "Seconds until the asset is deleted; without it, it is kept.",
}
_ASSET: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        "id",
        "hash",
        "size_bytes",
        "content_type",
        "created_at",
        "url",
        "url_expires_at",
    ],
    "properties": {
        "id": _STRING,
        "hash": {**_STRING, "description": "blake3:<hex>"},
        "size_bytes": {"type": "integer", "format": "int64"},
        "content_type": {**_STRING, "description": "By content, not by name."},
        "file_path": _STRING,
        "created_new": {
            "type": "boolean",
            "description": "Answers to uploads: whether you had no asset over these bytes.",
        },
        "created_at": _TIME,
        "url": {"type": "string", "format": "uri"},
        "url_expires_at": _TIME,
        "expires_at": {**_TIME, "nullable": True},
        "job_id": {**_STRING, "description": "Only on outputs: the job that made it."},
    },
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": _STRING,
                "message": _STRING,
                "details": {"type": "object", "nullable": True},
            },
        }
    },
}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _answers(
    good: dict[int | str, dict[str, Any]], errors: dict[int, str]
) -> dict[int | str, dict[str, Any]]:
    common = {401: "unauthorized", 403: "forbidden", 500: "upstream_error"}
    every = {**common, **errors}
    return {**good, **{status: _json(text, _ERROR) for status, text in sorted(every.items())}}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _STRING}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": _STRING, "description": description}


_BYTES: Final = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}

POST_ASSETS: Final[dict[str, Any]] = {
    "status_code": 201,
    "summary": "Upload an asset",
    "responses": _answers(
        {
            201: _json("New bytes stored.", _ASSET),
            200: _json("A new asset over bytes you had.", _ASSET),
        },
        {
            400: "invalid_request: the form is malformed or cut off",
            409: "hash_mismatch",
            413: "payload_too_large",
            422: "idempotency_key_reuse, or a field is wrong",
            507: "disk_full",
        },
    ),
    "openapi_extra": {
        "parameters": [
            _header("Idempotency-Key", "Usable once in 24 hours; free again if the upload fails.")
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file", "content_type", "file_path"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "content_type": _STRING,
                            "file_path": _STRING,
                            "expected_hash": _STRING,
                            "tags": _TAGS,
                            "expires_in": _EXPIRES_IN,
                        },
                    }
                }
            },
        },
    },
}

FROM_HASH: Final[dict[str, Any]] = {
    "status_code": 201,
    "summary": "A new asset over bytes that are here already",
    "responses": _answers(
        {
            201: _json("A new asset.", _ASSET),
            200: _json("You had the same asset.", _ASSET),
        },
        {400: "invalid_request: not JSON", 404: "blob_not_found", 422: "a field is wrong"},
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["hash"],
                        "properties": {
                            "hash": _STRING,
                            "file_path": _STRING,
                            "tags": _TAGS,
                            "expires_in": _EXPIRES_IN,
                        },
                    }
                }
            },
        }
    },
}

BY_HASH: Final[dict[str, Any]] = {
    "summary": "Whether you have these bytes",
    "responses": {
        200: {"description": "from-hash would find them."},
        404: {"description": "You have no such bytes."},
    },
    "openapi_extra": {"parameters": [_path("hash")]},
}

GET_ASSET: Final[dict[str, Any]] = {
    "summary": "One asset",
    "responses": _answers({200: _json("The asset.", _ASSET)}, {404: "not_found"}),
    "openapi_extra": {"parameters": [_path("id")]},
}

DELETE_ASSET: Final[dict[str, Any]] = {
    "status_code": 204,
    "summary": "Delete an asset",
    "responses": _answers(
        {204: {"description": "Deleted."}}, {404: "not_found", 409: "asset_in_use"}
    ),
    "openapi_extra": {"parameters": [_path("id")]},
}

GET_CONTENT: Final[dict[str, Any]] = {
    "summary": "The bytes of an asset",
    "responses": _answers(
        {
            200: {"description": "All of them.", **_BYTES},
            206: {"description": "One range of them.", **_BYTES},
            304: {"description": "You have them: the ETag is the hash."},
        },
        {404: "not_found", 416: "range_not_satisfiable"},
    ),
    "openapi_extra": {"parameters": [_path("id"), _header("Range", "One range of bytes.")]},
}

GET_THUMBNAIL: Final[dict[str, Any]] = {
    "summary": "A small picture of an image asset",
    "responses": _answers(
        {
            200: {
                "description": "At most 512 pixels a side.",
                "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
        {404: "not_found: unknown, or not an image"},
    ),
    "openapi_extra": {"parameters": [_path("id")]},
}
