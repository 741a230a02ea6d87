"""What the OpenAPI page says about node packs."""

from __future__ import annotations

from typing import Final

from studio.web.openapi import BOOLEAN, STRING, TIME, array, optional, query, record, route

_OPERATION: Final = record(
    {
        "id": STRING,
        "action": {
            "type": "string",
            "enum": ["install", "update", "remove", "restore", "disable", "enable", "discard"],
        },
        "name": STRING,
        "began_at": TIME,
        "phase": {
            "type": "string",
            "enum": [
                *("fetching", "checking", "installing", "ready"),
                *("waiting", "changing", "starting", "done"),
            ],
        },
        "done": BOOLEAN,
        "error": optional(record({"code": STRING, "message": STRING})),
        "commit": optional(STRING),
        "notes": array(STRING),
    }
)
_PACK: Final = record(
    {
        "name": STRING,
        "title": STRING,
        "present": BOOLEAN,
        "enabled": BOOLEAN,
        "managed": BOOLEAN,
        "removable": BOOLEAN,
        "can_go_back": BOOLEAN,
        "commit": optional(STRING),
        "update": optional(STRING),
        "url": optional(STRING),
        "ref": optional(STRING),
        "changed_at": optional(TIME),
        "disabled_because": optional(STRING),
        "notes": array(STRING),
        "packages": array(record({"name": STRING, "version": STRING})),
        "classes": array(STRING),
    }
)
_KNOWN: Final = record(
    {
        "name": STRING,
        "title": STRING,
        "description": STRING,
        "url": STRING,
        "commit": STRING,
        "license": STRING,
        "classes": array(STRING),
    }
)
_BEGUN: Final = record({"operation": _OPERATION})
_ERRORS: Final = {403: "blocked_address", 404: "not_found", 409: "conflict"}

LIST_NODES: Final = route(
    record(
        {
            "obstacle": {**optional(STRING), "description": "Why nothing can be changed here."},
            "packs": array(_PACK),
            "operation": optional(_OPERATION),
        }
    )
)
REGISTRY: Final = route(record({"packs": array(_KNOWN)}))
PROVIDERS: Final = route(
    record({"packs": array(_KNOWN)}),
    {400: "invalid_request"},
    parameters=[query("class", "a node class; may be repeated")],
)
INSTALL: Final = route(
    _BEGUN,
    {**_ERRORS, 422: "invalid_request"},
    status=202,
    body=record(
        {
            "pack": {**STRING, "description": "One of the registry."},
            "url": {**STRING, "description": "Or a repository."},
            "ref": {**STRING, "description": "Of it a branch, a tag or a commit."},
        },
        (),
    ),
    example={"pack": "ComfyUI-GGUF"},
)
CHANGE: Final = route(_BEGUN, _ERRORS, status=202)
CANCEL: Final = route(None, {409: "conflict"}, status=204)
