"""What the OpenAPI page says about conversations and chat presets."""

from __future__ import annotations

from typing import Any, Final

from studio.services import chat_fields as fields
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

_EXAMPLE: Final = record(
    {
        "user": {**STRING, "minLength": 1, "maxLength": fields.MAX_EXAMPLE},
        "assistant": {**STRING, "minLength": 1, "maxLength": fields.MAX_EXAMPLE},
    }
)
_OPTIONS: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "top_p": {"type": "number", "minimum": 0, "maximum": 1},
        "max_tokens": {**INTEGER, "minimum": 1, "maximum": 131_072},
        "context": {**INTEGER, "minimum": 512, "maximum": 4_194_304},
    },
}
_MANNER: Final[dict[str, Schema]] = {
    "model": optional(STRING),
    "system": {**STRING, "maxLength": fields.MAX_SYSTEM},
    "examples": array(_EXAMPLE, maxItems=fields.MAX_EXAMPLES),
    "options": _OPTIONS,
    "tools": {**BOOLEAN, "description": "Whether the model may run presets."},
}
_CALL: Final = record(
    {
        "number": INTEGER,
        "name": STRING,
        "arguments": STRING,
        "state": {
            **STRING,
            "description": "new, asking, agreed, running, done, failed, declined or stopped",
        },
        "title": STRING,
        "expected_ms": optional(INTEGER),
        "job_id": optional(STRING),
        "result": STRING,
        "assets": array(STRING),
        "error": optional(record({"code": STRING, "message": STRING, "details": optional(OBJECT)})),
    }
)
_MESSAGE: Final = record(
    {
        "id": STRING,
        "parent": optional(STRING),
        "role": {**STRING, "enum": ["user", "assistant"]},
        "text": STRING,
        "thoughts": STRING,
        "status": {
            **STRING,
            "enum": ["writing", "asking", "done", "stopped", "failed", "interrupted"],
        },
        "error": optional(record({"code": STRING, "message": STRING})),
        "model": STRING,
        "usage": optional(OBJECT),
        "dropped": {**INTEGER, "description": "How many earlier messages did not fit."},
        "files": array(STRING),
        "calls": array(_CALL),
        "created_at": TIME,
        "updated_at": TIME,
    }
)
_LISTED: Final[dict[str, Schema]] = {
    "id": STRING,
    "title": STRING,
    "preset_id": optional(STRING),
    "model": optional(STRING),
    "created_at": TIME,
    "updated_at": TIME,
}
_CHAT: Final = record({**_LISTED, **_MANNER, "tip": optional(STRING), "messages": array(_MESSAGE)})
_CHAT_FIELDS: Final[dict[str, Schema]] = {
    "title": {**STRING, "minLength": 1, "maxLength": fields.MAX_TITLE},
    "preset_id": optional(STRING),
    **_MANNER,
}
_PRESET_FIELDS: Final[dict[str, Schema]] = {
    "name": {**STRING, "minLength": 1, "maxLength": fields.MAX_NAME},
    "description": {**STRING, "maxLength": fields.MAX_DESCRIPTION},
    **_MANNER,
    "shared": BOOLEAN,
}
_PRESET: Final = record(
    {
        "id": STRING,
        **_PRESET_FIELDS,
        "owner": record({"id": STRING, "name": STRING}),
        "editable": BOOLEAN,
        "created_at": TIME,
        "updated_at": TIME,
    }
)
_MODEL: Final = record(
    {
        "id": STRING,
        "name": STRING,
        "context": INTEGER,
        "vision": BOOLEAN,
        "state": STRING,
        "reason": STRING,
    }
)
_EXPORTED: Final = record(
    {
        "conversation": {"const": 1},
        "title": STRING,
        "created_at": TIME,
        "system": STRING,
        "examples": array(_EXAMPLE),
        "options": OBJECT,
        "tip": optional(STRING),
        "messages": array(OBJECT),
    }
)
_UNKNOWN: Final = {404: "not_found"}
_FIELDS_REFUSED: Final = {404: "not_found", 409: "conflict: too many", 422: "invalid_chat"}
_NOT_NOW: Final = {
    404: "not_found, model_not_found",
    409: "reply_running, conflict",
    422: "invalid_chat, model_sees_no_pictures",
    429: "too_many_replies",
    503: "no_language_model",
}


def _closed(properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {**record(properties, required), "additionalProperties": False}


LIST_CHATS: Final = route(
    record({"items": array(record({**_LISTED, "snippet": STRING})), "total": INTEGER}),
    {400: "invalid_request"},
    parameters=(
        query("q", "Words in the title or in any message."),
        query("start", "How many to leave out.", {**INTEGER, "minimum": 0}),
        query("limit", "How many at most.", {**INTEGER, "minimum": 1, "maximum": 200}),
    ),
)
CREATE_CHAT: Final = route(
    _CHAT,
    _FIELDS_REFUSED,
    status=201,
    body=_closed(_CHAT_FIELDS),
    example={"system": "You write prompts for pictures."},
)
LIST_MODELS: Final = route(record({"items": array(_MODEL)}))
GET_CHAT: Final = route(_CHAT, _UNKNOWN)
UPDATE_CHAT: Final = route(
    _CHAT,
    {404: "not_found", 422: "invalid_chat"},
    body=_closed({**_CHAT_FIELDS, "tip": STRING}),
    example={"title": "Foxes"},
)
DELETE: Final = route(None, _UNKNOWN, status=204)
EXPORT_CHAT: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "The file.",
                "content": {
                    "application/json": {"schema": _EXPORTED},
                    "text/markdown": {"schema": STRING},
                },
            }
        },
        {400: "invalid_request", **_UNKNOWN},
    ),
    "openapi_extra": {
        "parameters": [
            query("format", "json, with every branch, or markdown, of the one shown."),
        ]
    },
}
SEND_MESSAGE: Final = route(
    record({"message": _MESSAGE, "reply": _MESSAGE}),
    _NOT_NOW,
    status=201,
    body=_closed(
        {
            "text": {**STRING, "maxLength": fields.MAX_TEXT},
            "files": array(STRING, maxItems=fields.MAX_FILES),
            "parent": optional(STRING),
        }
    ),
    example={"text": "Paint a fox in the snow."},
)
REGENERATE: Final = route(
    _MESSAGE, _NOT_NOW, status=201, body=_closed({"model": optional(STRING)}), example={}
)
CONTINUE: Final = route(_MESSAGE, _NOT_NOW, status=201)
DECIDE: Final = route(
    _MESSAGE,
    {400: "invalid_request", **_NOT_NOW},
    body=_closed({"run": BOOLEAN}, ("run",)),
    example={"run": True},
)
STOP: Final = route(_CHAT, _UNKNOWN)
EVENTS: Final[Route] = {
    "responses": answers(
        {
            200: {
                "description": "message, text, thoughts, title; end is the last one. Each has an "
                "id to resume from, by Last-Event-ID or after.",
                "content": {"text/event-stream": {"schema": STRING}},
            }
        },
        {404: "not_found", 429: "too_many_streams"},
    ),
    "openapi_extra": {"parameters": [query("after", "The id of the last event that was read.")]},
}
LIST_PRESETS: Final = route(record({"items": array(_PRESET)}))
CREATE_PRESET: Final = route(
    _PRESET,
    {409: "conflict: too many", 422: "invalid_chat"},
    status=201,
    body=_closed(_PRESET_FIELDS, ("name",)),
    example={"name": "Prompt writer", "system": "You write prompts for pictures."},
)
GET_PRESET: Final = route(_PRESET, _UNKNOWN)
UPDATE_PRESET: Final = route(
    _PRESET,
    {404: "not_found", 422: "invalid_chat"},
    body=_closed(_PRESET_FIELDS),
    example={"shared": True},
)
