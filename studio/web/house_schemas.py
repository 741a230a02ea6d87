"""What the OpenAPI page says about settings, preferences, activity and the system."""

from __future__ import annotations

from typing import Any, Final

from boot.flags import ALLOWED
from studio.services.engine_control import MAX_TAIL
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

NUMBER: Final[Schema] = {"type": "number"}
_ANY: Final[Schema] = {"anyOf": [STRING, INTEGER, BOOLEAN, {"type": "null"}]}


# -- preferences ----------------------------------------------------------------------------------

_PREFERENCES: Final = record(
    {
        "defaults": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "checkpoint": optional({**STRING, "maxLength": 500}),
                "negative": {**STRING, "maxLength": 10_000},
                "width": optional({**INTEGER, "minimum": 16, "maximum": 16_384}),
                "height": optional({**INTEGER, "minimum": 16, "maximum": 16_384}),
                "steps": optional({**INTEGER, "minimum": 1, "maximum": 10_000}),
                "cfg": optional({**NUMBER, "minimum": 0, "maximum": 100}),
                "count": {**INTEGER, "minimum": 1, "maximum": 100},
            },
        },
        "notifications": record({"page": BOOLEAN, "browser": BOOLEAN}, ()),
        "sound": record({"on": BOOLEAN, "volume": {**NUMBER, "minimum": 0, "maximum": 1}}, ()),
        "appearance": record(
            {"theme": {"type": "string", "enum": ["system", "light", "dark"]}}, ()
        ),
        "language": {**STRING, "description": "A language tag, or empty for the browser's."},
        "shortcuts": {
            "type": "object",
            "additionalProperties": {**STRING, "maxLength": 40},
            "example": {"create.submit": "Control+Enter"},
        },
    },
    (),
)
GET_PREFERENCES: Final = route(_PREFERENCES)
PUT_PREFERENCES: Final = route(
    _PREFERENCES,
    {422: "invalid_request"},
    body=_PREFERENCES,
    example={"appearance": {"theme": "dark"}, "language": "de"},
)

# -- settings -------------------------------------------------------------------------------------

_SETTING: Final = record(
    {
        "key": STRING,
        "kind": {"type": "string", "enum": ["secret", "integer", "text", "switch"]},
        "value": _ANY,
        "default": _ANY,
        "source": {"type": "string", "enum": ["env", "stored", "default"]},
        "set": BOOLEAN,
        "write_only": BOOLEAN,
        "editable": BOOLEAN,
        "restart": BOOLEAN,
        "pending": BOOLEAN,
        "min": optional(INTEGER),
        "max": optional(INTEGER),
    }
)
_KEY_ERRORS: Final = {404: "not_found", 409: "conflict"}
LIST_SETTINGS: Final = route(
    record({"groups": array(record({"id": STRING, "items": array(_SETTING)}))})
)
PUT_SETTING: Final = route(
    _SETTING,
    {**_KEY_ERRORS, 422: "invalid_request"},
    body=record({"value": {"anyOf": [{**STRING, "example": "hf_..."}, INTEGER, BOOLEAN]}}),
)
DELETE_SETTING: Final = route(_SETTING, _KEY_ERRORS)
TEST_SETTING: Final = route(
    record(
        {
            "ok": BOOLEAN,
            "account": optional(STRING),
            "reason": optional({"type": "string", "enum": ["refused", "unreachable"]}),
            "message": STRING,
        }
    ),
    _KEY_ERRORS,
)

# -- activity -------------------------------------------------------------------------------------

_ENTRY: Final = record(
    {
        "id": INTEGER,
        "at": TIME,
        "user_id": optional(STRING),
        "user_name": optional(STRING),
        "kind": {**STRING, "example": "queue.paused"},
        "subject": STRING,
        "data": {**OBJECT, "example": {}},
    }
)
LIST_ACTIVITY: Final = route(
    record({"items": array(_ENTRY), "next_cursor": optional(STRING)}),
    {400: "invalid_request"},
    parameters=[
        query("user", "the id of a user; the owner's question"),
        query("kind", "a kind, or with a dot at its end all that begin so: `queue.`"),
        query("q", "words in the subject or the user's name"),
        query("before", "the `next_cursor` of the page before"),
        query("limit", "1 to 500; 100", {**INTEGER, "minimum": 1, "maximum": 500}),
    ],
)

# -- system ---------------------------------------------------------------------------------------

_BYTES: Final = optional(INTEGER)
_GPU: Final = record(
    {
        "index": INTEGER,
        "name": STRING,
        "uuid": optional(STRING),
        "memory_total_bytes": _BYTES,
        "memory_used_bytes": _BYTES,
        "load_percent": optional(INTEGER),
        "temperature_c": optional(INTEGER),
        "power_w": optional(NUMBER),
        "power_limit_w": optional(NUMBER),
        "source": {"type": "string", "enum": ["nvml", "engine"]},
        "engine": {**optional(STRING), "description": "Which works on it, where that is certain."},
    }
)
ENGINE: Final = record(
    {
        "name": STRING,
        "kind": {"type": "string", "enum": ["comfyui", "embedded", "remote"]},
        "state": {**STRING, "example": "ready"},
        "reason": STRING,
        "version": optional(STRING),
        "jobs": INTEGER,
        "foreign_jobs": INTEGER,
        "cleans_up": BOOLEAN,
        "crashes": INTEGER,
        "dropped_frames": INTEGER,
        "log_tail": array(STRING),
    }
)
_ENGINE_HERE: Final = record(
    {
        **ENGINE["properties"],
        "loaded_models": array(STRING),
        "components": {**OBJECT, "example": {"pytorch": "2.9.0"}},
    }
)
_MEMORY: Final = record({"total": INTEGER, "used": INTEGER, "studio": INTEGER})
GET_SYSTEM: Final = route(
    record(
        {
            "versions": {**OBJECT, "example": {"studio": "0.1.0", "python": "3.12.3"}},
            "uptime_s": INTEGER,
            "gpu": array(_GPU),
            "memory": optional(_MEMORY),
            "cpu": record({"count": INTEGER, "load_1m": NUMBER, "load_5m": NUMBER}),
            "disks": array(
                record(
                    {
                        "role": {"type": "string", "enum": ["studio", "engine", "models"]},
                        "total_bytes": INTEGER,
                        "free_bytes": INTEGER,
                        "used_by_studio_bytes": INTEGER,
                    }
                )
            ),
            "engines": array(_ENGINE_HERE),
            "queue": record(
                {
                    "paused": BOOLEAN,
                    "depth": INTEGER,
                    "queued": INTEGER,
                    "running": INTEGER,
                    "canceling": INTEGER,
                }
            ),
            "isolation": BOOLEAN,
            "start": record(
                {
                    "release": optional(STRING),
                    "safe_mode": optional(STRING),
                    "page_s": optional(NUMBER),
                    "ready_s": optional(NUMBER),
                    "phases": array(record({"name": STRING, "seconds": NUMBER})),
                }
            ),
            "warnings": array(STRING),
        }
    )
)
_ENGINE_ERRORS: Final = {404: "not_found", 409: "conflict", 503: "unavailable"}
RESTART_ENGINE: Final = route(
    record({"restarting": STRING}), {404: "not_found", 503: "unavailable"}, status=202
)
STOP_ENGINE: Final = route(
    record({"stopped": STRING}), {404: "not_found", 409: "conflict", 503: "unavailable"}
)
START_ENGINE: Final = route(
    record({"starting": STRING}), {404: "not_found", 409: "conflict"}, status=202
)
FREE_ENGINE: Final = route(record({"freed": STRING}), _ENGINE_ERRORS)
INTERRUPT_ENGINE: Final = route(record({"jobs": array(STRING)}), _ENGINE_ERRORS)
ENGINE_LOGS: Final = route(
    record({"lines": array(STRING), "next": STRING, "fresh": BOOLEAN}),
    {400: "invalid_request", 404: "not_found"},
    parameters=[
        query("tail", f"how many of the last lines; 500, at most {MAX_TAIL}", INTEGER),
        query("after", "the `next` of an earlier answer: what came since"),
    ],
)
_FLAG: Final = record(
    {
        "flag": {"type": "string", "enum": sorted(ALLOWED["comfyui"])},
        "help": STRING,
        "kind": {"type": "string", "enum": ["switch", "choice", "integer", "number"]},
        "choices": array(STRING),
        "min": optional(NUMBER),
        "max": optional(NUMBER),
        "values": INTEGER,
        "optional": BOOLEAN,
        "group": STRING,
    }
)
_FLAGS: Final = record(
    {
        "engine": STRING,
        "source": {"type": "string", "enum": ["environment", "stored", "none"]},
        "flags": array({**STRING, "example": "--lowvram"}),
        "applied": optional(array(STRING)),
        "restart_needed": BOOLEAN,
        "editable": BOOLEAN,
        "allowed": array(_FLAG),
    }
)
GET_FLAGS: Final = route(_FLAGS, {404: "not_found"})
PUT_FLAGS: Final = route(
    _FLAGS,
    {**_ENGINE_ERRORS, 422: "invalid_request"},
    body=record(
        {
            "flags": {
                "anyOf": [{**STRING, "example": "--lowvram --reserve-vram 1"}, array(STRING)],
            }
        }
    ),
)
DIAGNOSTICS: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "A ZIP: logs, versions, settings, findings; no secrets.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    )
}
