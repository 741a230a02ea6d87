"""What the OpenAPI page says about OpenAI's routes for text; their bodies are OpenAI's own."""

from __future__ import annotations

from typing import Any, Final

from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    STRING,
    Schema,
    array,
    json_answer,
    json_body,
    optional,
    record,
)

_ERROR: Final = record(
    {"error": record({name: optional(STRING) for name in ("message", "type", "param", "code")})}
)
_ERRORS: Final = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "model_not_found",
    413: "payload_too_large",
    429: "rate_limited",
    500: "upstream_error",
    503: "no_language_model, model_not_running, model_does_not_fit or language_server_died",
}
_NUMBER: Final[Schema] = {"type": "number"}
_TEXTS: Final[Schema] = {"anyOf": [STRING, array(STRING)]}
_USAGE: Final = record(
    dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), INTEGER),
    ("prompt_tokens", "total_tokens"),
)
_MODEL: Final = record(
    {"id": STRING, "object": {"const": "model"}, "created": INTEGER, "owned_by": STRING}
)
_ANSWER: Final = {
    "id": STRING, "object": STRING, "created": INTEGER, "model": STRING,
    "choices": array({"type": "object", "additionalProperties": True}), "usage": _USAGE,
}  # fmt: skip
_WRITING: Final = {
    "model": STRING,
    "stream": BOOLEAN,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "max_tokens": INTEGER,
    "stop": _TEXTS,
    "seed": INTEGER,
}


def _declared(
    good: Schema, errors: tuple[int, ...], body: Schema | None = None, example: object = None
) -> dict[str, Any]:
    responses: dict[int | str, Schema] = {200: json_answer("The answer.", good)}
    responses |= {status: json_answer(_ERRORS[status], _ERROR) for status in (401, 403, 500)}
    responses |= {status: json_answer(_ERRORS[status], _ERROR) for status in errors}
    declared: dict[str, Any] = {"responses": responses}
    if body is not None:
        declared["openapi_extra"] = {"requestBody": json_body(body, example=example)}
    return declared


_HELLO: Final = [{"role": "user", "content": "Say hello."}]
_ASKED: Final = (400, 404, 413, 429, 503)
CHAT: Final = _declared(
    record(_ANSWER),
    _ASKED,
    record(
        {**_WRITING, "messages": array({"type": "object", "additionalProperties": True})},
        ("messages",),
    ),
    {"messages": _HELLO, "max_tokens": 50},
)
COMPLETION: Final = _declared(
    record(_ANSWER),
    _ASKED,
    record({**_WRITING, "prompt": _TEXTS}, ("prompt",)),
    {"prompt": "Once upon a time", "max_tokens": 50},
)
EMBEDDINGS: Final = _declared(
    record(
        {
            "object": {"const": "list"},
            "model": STRING,
            "data": array({"type": "object", "additionalProperties": True}),
            "usage": _USAGE,
        }
    ),
    _ASKED,
    record({"model": STRING, "input": _TEXTS, "encoding_format": STRING}, ("input",)),
    {"input": "a red fox"},
)
MODELS: Final = _declared(record({"object": {"const": "list"}, "data": array(_MODEL)}), (503,))
MODEL: Final = _declared(_MODEL, (404, 503))
