"""What the OpenAPI page says about language models on this machine."""

from __future__ import annotations

from typing import Any, Final

from boot.language import CHAT_FORMATS, MOST_CONTEXT, MOST_LAYERS, MOST_THREADS
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    record,
    route,
)

MOST_MINUTES: Final = 10_080


def _number(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


SETTINGS: Final[dict[str, Schema]] = {
    "context": _number(0, MOST_CONTEXT),
    "gpu_layers": _number(-1, MOST_LAYERS),
    "threads": _number(0, MOST_THREADS),
    "keep_minutes": _number(0, MOST_MINUTES),
    "pinned": BOOLEAN,
    "projector": optional(STRING),
    "chat_format": {"enum": list(CHAT_FORMATS)},
    "embeddings": BOOLEAN,
}
_SERVER: Final = record(
    {
        "state": {"enum": ["starting", "running", "failed", "stopped"]},
        "reason": STRING,
        "busy": INTEGER,
        "crashes": INTEGER,
        "memory_bytes": optional(INTEGER),
        "gpu_bytes": optional(INTEGER),
    }
)
_MODEL: Final = record(
    {
        "id": STRING,
        "file": STRING,
        "size_bytes": INTEGER,
        "architecture": optional(STRING),
        "context": INTEGER,
        "longest_context": INTEGER,
        "layers": INTEGER,
        "vision": BOOLEAN,
        "embeddings": BOOLEAN,
        "projector": optional(STRING),
        "projectors": array(STRING),
        "trust": {"enum": ["known", "confirmed", "unknown"]},
        "fault": STRING,
        "gpu_bytes": INTEGER,
        "memory_bytes": INTEGER,
        "server": _SERVER,
        "settings": record(SETTINGS),
    }
)
_HANDED: Final = record(
    {
        "at": TIME,
        "to": STRING,
        "gave": STRING,
        "needed_bytes": INTEGER,
        "before_bytes": INTEGER,
        "after_bytes": INTEGER,
    }
)
_REFUSED: Final = {
    404: "not_found",
    503: "model_not_running or model_does_not_fit",
}

LIST: Final[dict[str, Any]] = route(
    record(
        {
            "can_run": BOOLEAN,
            "places": INTEGER,
            "chat_formats": array(STRING),
            "gpu": optional(record({"total_bytes": INTEGER, "used_bytes": INTEGER})),
            "models": array(_MODEL),
            "handed": array(_HANDED),
        }
    )
)
START: Final[dict[str, Any]] = route(_MODEL, _REFUSED, status=202)
STOP: Final[dict[str, Any]] = route(_MODEL, {404: "not_found"})
CONFIRM: Final[dict[str, Any]] = route(_MODEL, {404: "not_found"})
PATCH: Final[dict[str, Any]] = route(
    _MODEL,
    {400: "invalid_request", 404: "not_found", 422: "invalid_request"},
    body=record(SETTINGS, ()),
    example={"context": 8192, "gpu_layers": -1},
)
LOG: Final[dict[str, Any]] = route(
    record({"lines": array(STRING), "next": STRING, "fresh": BOOLEAN}), {404: "not_found"}
)
