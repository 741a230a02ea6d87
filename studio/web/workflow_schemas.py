"""What the OpenAPI page says about the workflow routes."""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.manifests.manifest import SCHEMA
from studio.services.workflow_library import MAX_COMMENT
from studio.services.workflows import MAX_COUNT
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
    json_answer,
    json_body,
    optional,
    query,
    record,
)
from studio.web.webhook_schemas import JOB_FIELDS

_SUMMARY: Final[dict[str, Schema]] = {
    "id": STRING,
    "name": STRING,
    "description": STRING,
    "category": STRING,
    "group": STRING,
    "base_model": STRING,
    "author": STRING,
    "tags": array(STRING),
    "dynamic": BOOLEAN,
    "shipped": BOOLEAN,
    "owner": optional(STRING),
    "shared": BOOLEAN,
    "version": INTEGER,
    "head": INTEGER,
    "update_available": BOOLEAN,
    "readiness": record(
        {
            "state": {"type": "string", "enum": ["ready", "missing", "unknown"]},
            "missing_models": INTEGER,
            "missing_nodes": INTEGER,
        }
    ),
    "inputs_count": INTEGER,
    "cover": optional(STRING),
    "cover_kind": optional({"type": "string", "enum": ["image", "video"]}),
    "created_at": TIME,
    "updated_at": TIME,
    "trashed_at": optional(TIME),
}
_ITEM: Final = record(_SUMMARY)
_FORM: Final = array({**OBJECT, "description": "An input with what the engines offer now."})
_WHOLE: Final = record(
    {
        **_SUMMARY,
        "manifest": OBJECT,
        "graph": {**OBJECT, "description": "With the scope graphs:run."},
        "versions_count": INTEGER,
        "form": _FORM,
    },
    required=(*_SUMMARY, "manifest", "versions_count", "form"),
)
_VERSION: Final[dict[str, Schema]] = {
    "number": INTEGER,
    "name": STRING,
    "author": optional(STRING),
    "author_name": optional(STRING),
    "shipped": BOOLEAN,
    "comment": STRING,
    "created_at": TIME,
}
_READINESS: Final = record(
    {
        "state": {"type": "string", "enum": ["ready", "missing", "unknown"]},
        "missing_models": array(OBJECT),
        "missing_nodes": array(OBJECT),
    }
)
_MANIFEST: Final[Schema] = {
    "anyOf": [
        {key: value for key, value in SCHEMA.items() if key in ("title", "type", "description")},
        {"type": "string", "description": "YAML."},
    ],
    "description": "Version 1; workflows/manifest.schema.json has all of it.",
}
_GRAPH: Final[Schema] = {
    **OBJECT,
    "description": 'API format, or {"blocks": {file: block}} of a workflow with a pipeline.',
}
_COMMENT: Final[Schema] = {**STRING, "maxLength": MAX_COMMENT}
_VALUES: Final[Schema] = {**OBJECT, "description": "By input; what is left out has its default."}
_FILE: Final[Schema] = {
    "required": False,
    "content": {
        "application/json": {"schema": OBJECT},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": {"type": "string", "format": "binary"},
            }
        },
    },
}
_BROUGHT: Final[Schema] = {
    "parameters": [
        query("asset", "In place of a body: a file that was uploaded before, of any size.")
    ],
    "requestBody": _FILE,
}
_CONTENT_FAULTS: Final = (
    "invalid_manifest, invalid_workflow, target_missing, unresolved_name or a field is wrong"
)
_NOT_FOUND: Final = {404: "not_found"}
_CHANGE: Final = {
    400: "invalid_request: not JSON",
    404: "not_found",
    409: "version_conflict: somebody saved meanwhile",
    413: "payload_too_large",
    422: _CONTENT_FAULTS,
    507: "disk_full",
}


def _closed(properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {**record(properties, required), "additionalProperties": False}


def _takes(properties: dict[str, Schema], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"requestBody": json_body(_closed(properties, required), required=bool(required))}


def _answers(text: str, schema: Schema, errors: dict[int, str], status: int = 200) -> Any:
    return answers({status: json_answer(text, schema)}, errors)


LIST: Final[dict[str, Any]] = {
    "responses": _answers(
        "By name.",
        record(
            {
                "items": array(_ITEM),
                "total": INTEGER,
                "next_cursor": optional(STRING),
                "faults": array(
                    {
                        **record(
                            {
                                "folder": STRING,
                                "code": STRING,
                                "message": STRING,
                                "details": optional(OBJECT),
                            }
                        ),
                        "description": "Folders that could not be read; for the owner.",
                    }
                ),
            }
        ),
        {400: "invalid_request: limit"},
    ),
    "openapi_extra": {
        "parameters": [
            query("cursor", "next_cursor of the page before."),
            query("limit", "At most so many, 100 unless told, to 500.", INTEGER),
            query("q", "Words of names, descriptions and tags."),
            query("category", "The exact category."),
            query("trashed", "1 for the trash."),
        ]
    },
}
GET: Final[dict[str, Any]] = {
    "responses": _answers("The workflow.", _WHOLE, {400: "invalid_request", **_NOT_FOUND}),
    "openapi_extra": {"parameters": [query("version", "Another version than the head.", INTEGER)]},
}
CREATE: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": _answers("Version 1 of it.", _WHOLE, _CHANGE, 201),
    "openapi_extra": _takes(
        {"manifest": _MANIFEST, "graph": _GRAPH, "comment": _COMMENT, "shared": BOOLEAN},
        ("graph",),
    ),
}
SAVE: Final[dict[str, Any]] = {
    "responses": _answers("The new version.", _WHOLE, _CHANGE),
    "openapi_extra": _takes(
        {"manifest": _MANIFEST, "graph": _GRAPH, "comment": _COMMENT, "base_version": INTEGER},
        ("manifest", "graph", "base_version"),
    ),
}
CHECK: Final[dict[str, Any]] = {
    "responses": _answers(
        "It could be stored; nothing is.",
        record({"manifest": OBJECT, "form": _FORM, "readiness": _READINESS}),
        {400: "invalid_request: not JSON", 413: "payload_too_large", 422: _CONTENT_FAULTS},
    ),
    "openapi_extra": _takes({"manifest": _MANIFEST, "graph": _GRAPH}, ("manifest", "graph")),
}
SHARE: Final[dict[str, Any]] = {
    "responses": _answers("The workflow.", _WHOLE, _CHANGE),
    "openapi_extra": _takes({"shared": BOOLEAN}, ("shared",)),
}
DELETE: Final[dict[str, Any]] = {
    "responses": answers({204: {"description": "It is in the trash."}}, _NOT_FOUND)
}
TAKE_BACK: Final[dict[str, Any]] = {
    "responses": _answers("The workflow.", _WHOLE, _NOT_FOUND),
}
VERSIONS: Final[dict[str, Any]] = {
    "responses": _answers(
        "The newest first.",
        record({"items": array(record(_VERSION)), "total": INTEGER}),
        _NOT_FOUND,
    )
}
VERSION: Final[dict[str, Any]] = {
    "responses": _answers(
        "The version.",
        record({**_VERSION, "manifest": OBJECT, "graph": OBJECT}, required=(*_VERSION, "manifest")),
        {400: "invalid_request", **_NOT_FOUND},
    )
}
DIFF: Final[dict[str, Any]] = {
    "responses": _answers(
        "What was added, removed and changed.",
        record(
            {
                "facts": array(OBJECT),
                "inputs": OBJECT,
                "nodes": OBJECT,
                "values": array(OBJECT),
                "truncated": BOOLEAN,
            }
        ),
        {400: "invalid_request", **_NOT_FOUND},
    ),
    "openapi_extra": {
        "parameters": [
            {**query("from", "A version.", INTEGER), "required": True},
            {**query("to", "A version.", INTEGER), "required": True},
        ]
    },
}
RESTORE: Final[dict[str, Any]] = {
    "responses": _answers("The new version.", _WHOLE, _CHANGE),
    "openapi_extra": _takes({"comment": _COMMENT}),
}
COPY: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": _answers("Your own workflow.", _WHOLE, _CHANGE, 201),
    "openapi_extra": _takes({"name": {**STRING, "maxLength": 120}}),
}
EXPORT: Final[dict[str, Any]] = {
    "responses": _answers(
        "One file.",
        record({"studio_workflow": INTEGER, "manifest": OBJECT, "graph": OBJECT}),
        _NOT_FOUND,
    )
}
READINESS: Final[dict[str, Any]] = {
    "responses": _answers("What is missing, and what would fix it.", _READINESS, _NOT_FOUND)
}
INSPECT: Final[dict[str, Any]] = {
    "responses": _answers(
        "What the file holds; nothing is stored.",
        record(
            {
                "format": STRING,
                "graph": OBJECT,
                "ui": BOOLEAN,
                "problems": array(OBJECT),
                "proposal": OBJECT,
                "readiness": _READINESS,
            }
        ),
        {
            400: "invalid_request",
            404: "not_found: no such asset",
            413: "payload_too_large",
            422: _CONTENT_FAULTS,
            503: "unavailable: the editor's format, and no engine has answered yet",
        },
    ),
    "openapi_extra": _BROUGHT,
}
IMPORT: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": _answers("Your own workflow.", _WHOLE, {**_CHANGE, 503: "unavailable"}, 201),
    "openapi_extra": _BROUGHT,
}
RUN: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": _answers(
        "Durable and queued.",
        record({"jobs": array(JOB)}),
        {
            400: "invalid_request: not JSON, or a value out of bounds",
            404: "not_found",
            422: "invalid_value (details.input), no_checkpoint, invalid_workflow, target_missing, "
            "unresolved_name, missing_asset, idempotency_key_reuse, or a field is wrong",
            429: "queue_full, quota_exceeded: see Retry-After",
            503: "unavailable: no engine has answered yet",
            507: "disk_full",
        },
        201,
    ),
    "openapi_extra": {
        "parameters": [header("Idempotency-Key", "Usable once in 24 hours.")],
        **_takes(
            {
                "values": _VALUES,
                "version": INTEGER,
                "title": STRING,
                "priority": {"type": "integer", "minimum": -100, "maximum": 100},
                "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
                **JOB_FIELDS,
            }
        ),
    },
}
COMPILE: Final[dict[str, Any]] = {
    "responses": _answers(
        "The graph, and the values that are in it.",
        record({"graph": OBJECT, "values": OBJECT, "version": INTEGER}),
        {
            400: "invalid_request: not JSON",
            404: "not_found",
            422: "invalid_value (details.input), no_checkpoint, target_missing or unresolved_name",
            503: "unavailable",
        },
    ),
    "openapi_extra": _takes({"values": _VALUES, "version": INTEGER}),
}
