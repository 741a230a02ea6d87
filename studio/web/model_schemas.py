"""What the OpenAPI page says about models and catalogs."""

from __future__ import annotations

from typing import Any, Final

from studio.services.catalog_entries import SCHEMA
from studio.store.model_files import SORTS, STATES
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    path,
    query,
    record,
    route,
)

Route = dict[str, Any]

_FILE: Final[dict[str, Schema]] = {
    "id": STRING,
    "root": {**STRING, "enum": ["models", "own", "llm"]},
    "folder": STRING,
    "place": STRING,
    "name": STRING,
    "size_bytes": INTEGER,
    "sha256": optional(STRING),
    "checked_at": optional(TIME),
    "expected_sha256": optional(STRING),
    "fault": optional(
        {**STRING, "enum": ["hash_mismatch", "not_a_model", "truncated", "unreadable"]}
    ),
    "reference": optional(STRING),
    "kind": optional(STRING),
    "title": optional(STRING),
    "family": optional(STRING),
    "family_name": optional(STRING),
    "belongs_in": optional(STRING),
    "trigger_words": array(STRING),
    "pair": optional(record({"role": {**STRING, "enum": ["high", "low"]}, "with": STRING})),
    "facts": OBJECT,
    "notes": STRING,
    "favourite": BOOLEAN,
    "added_at": TIME,
    "used_at": optional(TIME),
    "writable": BOOLEAN,
}
_NAMED: Final = record({"id": STRING, "name": STRING})
_DEPENDENTS: Final = record({"workflows": array(_NAMED), "in_use": BOOLEAN})
_DETAIL: Final = record(
    {
        **_FILE,
        "needed_by": _DEPENDENTS,
        "origin": optional(
            record(
                {name: optional(STRING) for name in ("entry", "license", "page")},
            )
        ),
    }
)
_PLACE: Final = optional(record({"id": STRING, "folder": STRING, "name": STRING}))
_STATE: Final[Schema] = {**STRING, "enum": ["present", "different", "damaged", "absent"]}
_ENTRY: Final[Schema] = SCHEMA["$defs"]["entry"]
_TEXT: Final[Schema] = optional(STRING)
_LISTED: Final = record(
    {
        **{name: {"description": "As the catalog says."} for name in _ENTRY["properties"]},
        "family_name": _TEXT,
        "catalog": STRING,
        "origin": {**STRING, "enum": ["shipped", "changed", "own"]},
        "state": _STATE,
        "present_as": _PLACE,
    }
)
_OFFER: Final = record(
    {
        "source": STRING,
        "match": {**STRING, "enum": ["said", "hash", "name"]},
        "reference": STRING,
        "folder": _TEXT,
        "name": STRING,
        "title": STRING,
        "sha256": _TEXT,
        "size_bytes": optional(INTEGER),
        "license": _TEXT,
        "page": _TEXT,
        "gated": optional(BOOLEAN),
    }
)
_NEED: Final = record(
    {
        "file": STRING,
        "folder": _TEXT,
        "used_by": array(record({"class": STRING, "input": STRING})),
        "state": {
            **STRING,
            "enum": ["present", "elsewhere", "different", "damaged", "missing"],
        },
        "sha256": _TEXT,
        "found": optional(OBJECT),
        "offers": array(_OFFER),
        "install": optional({**OBJECT, "description": "The body for POST /api/downloads."}),
        "disagree": BOOLEAN,
    }
)
_SCAN: Final = record(
    {
        "files": INTEGER,
        "added": INTEGER,
        "changed": INTEGER,
        "gone": INTEGER,
        "unreachable": array(STRING),
        "complete": BOOLEAN,
    }
)
_FACET: Final = array(record({"value": STRING, "count": INTEGER}))
_PAGED: Final = (
    query("start", "how many to pass over", INTEGER),
    query("limit", "at most 500", INTEGER),
)
_ID: Final = path("model_id")
_ENTRY_ID: Final = path("entry_id")
_DOWNLOADS: Final = record({"downloads": array(STRING)})

LIST: Final[Route] = route(
    record({"items": array(record(_FILE)), "total": INTEGER}),
    {400: "invalid_request"},
    parameters=(
        query("q", "words of the name or of the trigger words"),
        query("folder", "one folder"),
        query("family", "one base model"),
        query("kind", "one kind"),
        query("state", "one of these", {"type": "string", "enum": list(STATES)}),
        query("sort", "the order", {"type": "string", "enum": list(SORTS)}),
        *_PAGED,
    ),
)
LORAS: Final[Route] = route(
    record(
        {
            "family_name": optional(STRING),
            "items": array(
                record(
                    {
                        "file": STRING,
                        "title": optional(STRING),
                        "family": optional(STRING),
                        "family_name": optional(STRING),
                        "fits": optional(BOOLEAN),
                        "trigger_words": array(STRING),
                        "favourite": BOOLEAN,
                    }
                )
            ),
        }
    ),
    parameters=(
        query("checkpoint", "the file that they are to change"),
        query("base_model", "what a workflow is for, where nothing is known of the file"),
    ),
)
FACETS: Final[Route] = route(record({"folder": _FACET, "family": _FACET, "kind": _FACET}))
FOLDERS: Final[Route] = route(record({"items": array(STRING)}))
LOOK: Final[Route] = route(
    record(
        {
            "name": STRING,
            "size_bytes": optional(INTEGER),
            "about_bytes": optional(INTEGER),
            "sha256": _TEXT,
            "license": _TEXT,
            "page": _TEXT,
            "folder": _TEXT,
            "told_by": optional({**STRING, "enum": ["catalog", "hub", "name"]}),
            "entry": optional(_NAMED),
            "here": _PLACE,
            "pickle": BOOLEAN,
        }
    ),
    {
        400: "invalid_request: it is no reference to a file",
        403: "forbidden, blocked_address",
        502: "model_source_refused, model_source_gone, rate_limited, source_unreachable, "
        "source_error",
    },
    body=record({"reference": STRING}),
    example={"reference": "https://models.example/detail.safetensors"},
)
GET: Final[Route] = route(_DETAIL, {404: "not_found"}, parameters=(_ID,))
PATCH: Final[Route] = route(
    _DETAIL,
    {404: "not_found", 422: "invalid_request"},
    parameters=(_ID,),
    body=record(
        {
            "notes": STRING,
            "favourite": BOOLEAN,
            "family": STRING,
            "trigger_words": array(STRING),
        },
        (),
    ),
)
MOVE: Final[Route] = route(
    _DETAIL,
    {
        404: "not_found",
        409: "conflict, model_in_use",
        422: "invalid_request: it is not known where it belongs",
    },
    parameters=(_ID,),
    body=record({"folder": STRING}, ()),
)
DELETE: Final[Route] = route(
    None,
    {404: "not_found", 409: "model_in_use, model_needed"},
    status=204,
    parameters=(_ID, query("force", "1: although workflows need it")),
)
SCAN: Final[Route] = route(_SCAN, {503: "storage_unavailable"})
VERIFY: Final[Route] = route(
    record({"waiting": INTEGER}),
    {404: "not_found"},
    status=202,
    body=record({"ids": array(STRING)}, ()),
)
VERIFYING: Final[Route] = route(record({"waiting": INTEGER}))
MISSING: Final[Route] = route(
    record(
        {
            "models": array(_NEED),
            "missing": INTEGER,
            "failures": array(record({"code": STRING, "message": STRING})),
        }
    ),
    {
        400: "invalid_request",
        404: "not_found",
        422: "invalid_workflow, invalid_request: models is no list of models",
        503: "unavailable: the editor's format, and no engine has answered yet",
    },
    body=record(
        {
            "graph": OBJECT,
            "workflow_id": STRING,
            "job_id": STRING,
            "models": {
                **array(OBJECT),
                "description": "As a manifest lists them: file, class, input, directory, url.",
            },
            "search": {**BOOLEAN, "description": "Ask the hubs for what nothing else knows."},
        },
        (),
    ),
)
DISK: Final[Route] = route(OBJECT)
EMPTY_CACHE: Final[Route] = route(record({"freed_bytes": INTEGER}))
BUNDLES: Final[Route] = route(record({"items": array(OBJECT), "total": INTEGER}))
INSTALL_BUNDLE: Final[Route] = route(
    _DOWNLOADS, {404: "not_found", 503: "unavailable"}, status=202, parameters=(path("bundle_id"),)
)
CATALOG: Final[Route] = route(
    record(
        {
            "items": array(_LISTED),
            "total": INTEGER,
            "families": array(STRING),
            "faults": array(OBJECT),
        }
    ),
    {400: "invalid_request"},
    parameters=(
        query("q", "words of the name, the file, the base model or a tag"),
        query("folder", "one folder"),
        query("family", "one base model, and what works with it"),
        query("state", "one of these", {**STRING, "enum": [*_STATE["enum"], "missing"]}),
        query("sort", "the order", {**STRING, "enum": ["name", "size"]}),
        *_PAGED,
    ),
)
FAMILIES: Final[Route] = route(
    record({"items": array(record({"id": STRING, "name": STRING, "architecture": STRING}))})
)
GET_ENTRY: Final[Route] = route(_LISTED, {404: "not_found"}, parameters=(_ENTRY_ID,))
PUT_ENTRY: Final[Route] = route(
    _LISTED, {422: "invalid_catalog"}, parameters=(_ENTRY_ID,), body=OBJECT
)
DELETE_ENTRY: Final[Route] = route(None, {404: "not_found"}, status=204, parameters=(_ENTRY_ID,))
INSTALL: Final[Route] = route(
    _DOWNLOADS, {404: "not_found", 503: "unavailable"}, status=202, parameters=(_ENTRY_ID,)
)
IMPORT: Final[Route] = route(
    record({"imported": INTEGER}),
    {422: "invalid_catalog: nothing was taken"},
    body=record({"catalog": {"const": 1}, "entries": array(OBJECT)}),
)
EXPORT: Final[Route] = route(
    record({"catalog": INTEGER, "entries": array(OBJECT)}),
    parameters=(query("own", "1: only what the owner added or changed"),),
)
