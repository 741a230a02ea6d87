"""What the OpenAPI page says about the asset routes."""

from __future__ import annotations

from typing import Any, Final

from studio.services.thumbnails import SIDES
from studio.web.openapi import STRING, TIME, answers, header, json_answer, optional, path, query

UPLOAD_FIELDS: Final = frozenset({"content_type", "file_path", "expected_hash", "expires_in"})
"""Text fields of an upload that may occur once; ``tags`` may repeat."""

TAGS: Final[dict[str, Any]] = {"type": "array", "items": STRING, "maxItems": 32}
EXPIRES_IN: Final[dict[str, Any]] = {
    "type": "integer",
    "minimum": 60,
    "maximum": 604_800,
    "description": "Seconds until the asset is deleted; without it, it is kept.",
}
ASSET: Final[dict[str, Any]] = {
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
        "id": STRING,
        "hash": {**STRING, "description": "blake3:<hex>"},
        "size_bytes": {"type": "integer", "format": "int64"},
        "content_type": {**STRING, "description": "By content, not by name."},
        "file_path": STRING,
        "created_new": {
            "type": "boolean",
            "description": "Answers to uploads: whether you had no asset over these bytes.",
        },
        "created_at": TIME,
        "url": {"type": "string", "format": "uri"},
        "url_expires_at": TIME,
        "expires_at": optional(TIME),
        "job_id": {**STRING, "description": "Only on outputs: the job that made it."},
    },
}
_BYTES: Final = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}

POST_ASSETS: Final[dict[str, Any]] = {
    "status_code": 201,
    "summary": "Upload an asset",
    "responses": answers(
        {
            201: json_answer("New bytes stored.", ASSET),
            200: json_answer("A new asset over bytes you had.", ASSET),
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
            header("Idempotency-Key", "Usable once in 24 hours; free again if the upload fails.")
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
                            "content_type": STRING,
                            "file_path": STRING,
                            "expected_hash": STRING,
                            "tags": TAGS,
                            "expires_in": EXPIRES_IN,
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
    "responses": answers(
        {
            201: json_answer("A new asset.", ASSET),
            200: json_answer("You had the same asset.", ASSET),
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
                            "hash": STRING,
                            "file_path": STRING,
                            "tags": TAGS,
                            "expires_in": EXPIRES_IN,
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
    "openapi_extra": {"parameters": [path("hash")]},
}

GET_ASSET: Final[dict[str, Any]] = {
    "summary": "One asset",
    "responses": answers({200: json_answer("The asset.", ASSET)}, {404: "not_found"}),
    "openapi_extra": {"parameters": [path("id")]},
}

DELETE_ASSET: Final[dict[str, Any]] = {
    "status_code": 204,
    "summary": "Delete an asset",
    "responses": answers(
        {204: {"description": "Deleted."}}, {404: "not_found", 409: "asset_in_use"}
    ),
    "openapi_extra": {"parameters": [path("id")]},
}

GET_CONTENT: Final[dict[str, Any]] = {
    "summary": "The bytes of an asset",
    "responses": answers(
        {
            200: {"description": "All of them.", **_BYTES},
            206: {"description": "One range of them.", **_BYTES},
            304: {"description": "You have them: the ETag is the hash."},
        },
        {404: "not_found", 416: "range_not_satisfiable"},
    ),
    "openapi_extra": {"parameters": [path("id"), header("Range", "One range of bytes.")]},
}


def _small_picture(summary: str, missing: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": answers(
            {
                200: {
                    "description": "At most 768 pixels a side, or 256.",
                    "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
                },
                304: {"description": "You have it: the ETag is the hash and the size."},
            },
            {400: "invalid_request: no such size", 404: f"not_found: unknown, or {missing}"},
        ),
        "openapi_extra": {
            "parameters": [
                path("id"),
                query("size", "large, if nothing is said.", {**STRING, "enum": list(SIDES)}),
                query("v", "Anything; a new value is a new address."),
            ]
        },
    }


GET_THUMBNAIL: Final = _small_picture("A small picture of an image asset", "not an image")
GET_POSTER: Final = _small_picture("A small picture of a video asset", "not a video")
