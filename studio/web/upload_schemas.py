"""What the OpenAPI page says about uploads in parts."""

from __future__ import annotations

from typing import Any, Final

from studio.web.asset_schemas import ASSET, EXPIRES_IN, TAGS
from studio.web.openapi import (
    INTEGER,
    STRING,
    TIME,
    answers,
    array,
    json_answer,
    json_body,
    optional,
    record,
)

_UPLOAD: Final = record(
    {
        "id": STRING,
        "name": STRING,
        "size_bytes": INTEGER,
        "hash": {**optional(STRING), "description": "As it was announced."},
        "part_bytes": {**INTEGER, "description": "Length of each part; the last may be shorter."},
        "parts": {**INTEGER, "description": "How many there are, numbered from 0."},
        "received": array(INTEGER),
        "expires_at": {**TIME, "description": "When it is given up unless another part comes."},
        "asset_id": optional(STRING),
    }
)
_MADE: Final = record({"asset": ASSET})

BEGIN: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers(
        {
            201: json_answer("Send its parts now.", _UPLOAD),
            200: json_answer("You have these bytes already: a new asset over them.", _MADE),
        },
        {
            400: "invalid_request",
            413: "payload_too_large",
            422: "a field is wrong",
            429: "too_many_uploads",
            507: "disk_full, with the numbers",
        },
    ),
    "openapi_extra": {
        "requestBody": json_body(
            record(
                {
                    "name": {**STRING, "description": "The asset's file_path."},
                    "size_bytes": {**INTEGER, "minimum": 1},
                    "hash": {**STRING, "description": "blake3:<hex> of the whole file."},
                    "content_type": STRING,
                    "tags": TAGS,
                    "expires_in": EXPIRES_IN,
                },
                ("name", "size_bytes"),
            )
        )
    },
}
LIST: Final[dict[str, Any]] = {
    "responses": answers(
        {200: json_answer("The newest first.", record({"uploads": array(_UPLOAD)}))}
    )
}
GET: Final[dict[str, Any]] = {
    "responses": answers({200: json_answer("The upload.", _UPLOAD)}, {404: "not_found"})
}
PUT_PART: Final[dict[str, Any]] = {
    "responses": answers(
        {200: json_answer("The part is on disk.", record({"received": array(INTEGER)}))},
        {
            400: "invalid_request: cut off",
            404: "not_found",
            409: "conflict: the upload is complete, or the part is sent by two at once",
            422: "no such part, or of another length",
            507: "disk_full",
        },
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
}
COMPLETE: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers(
        {201: json_answer("The asset, the same one each time.", _MADE)},
        {
            404: "not_found",
            409: "conflict: parts are missing; hash_mismatch",
            422: "the image is too large",
            507: "disk_full",
        },
    ),
}
DELETE: Final[dict[str, Any]] = {
    "status_code": 204,
    "responses": answers(
        {204: {"description": "Given up; the asset of a complete one stays."}},
        {404: "not_found", 409: "conflict: it is being completed"},
    ),
}
