"""Examples of JSON, made from the schemas that describe it, where none was written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

GRAPH: Final = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 512, "height": 512, "batch_size": 1, "color": 3368652},
    },
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "example"}},
}
"""It needs no model, so it can be tried on any engine."""

_ID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
_TIME: Final = "2026-01-31T12:00:00.000+00:00"
_TEXTS: Final[Mapping[str, str]] = {
    "id": _ID,
    "user_id": "owner",
    "user_name": "owner",
    "job_id": _ID,
    "asset_id": _ID,
    "name": "fox",
    "title": "A red fox",
    "prompt": "a red fox in the snow",
    "subject": "A red fox",
    "hash": f"blake3:{'0' * 64}",
    "file_path": "fox.png",
    "content_type": "image/png",
    "node_id": "9",
    "engine": "comfyui",
    "version": "0.33.0",
    "code": "not_found",
    "message": "There is nothing at this address.",
    "password": "correct horse battery",
    "current": "correct horse battery",
    "new": "a better horse battery",
    "token": "...",
    "value": "...",
    "ids": _ID,
}
"""By the name of the field."""


def example_of(schema: Mapping[str, Any], name: str = "", *, brief: bool = False) -> Any:
    """A value that the schema describes.

    Args:
        schema: one of Studio's own: plain, without references.
        name: of the field that holds the value.
        brief: only what has to be said, where something has to.
    """
    for given in ("example", "const", "default"):
        if given in schema:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= example_of(part, name, brief=brief)
        return merged
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return example_of(schema[choices][0], name, brief=brief)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            fields = schema.get("properties", {})
            wanted = (schema.get("required") if brief else None) or fields
            return {field: example_of(fields[field], field, brief=brief) for field in wanted}
        case "array":
            return [example_of(schema["items"], name, brief=brief)]
        case "string":
            return _text(schema, name)
        case "integer":
            return int(schema.get("minimum", 1))
        case "number":
            return schema.get("minimum", 0.5)
        case "boolean":
            return True
        case _:
            return {}


def _text(schema: Mapping[str, Any], name: str) -> str:
    match schema.get("format"):
        case "date-time":
            return _TIME
        case "uri":
            return "https://studio.example.org/"
        case "uuid":
            return _ID
        case _:
            return _TEXTS.get(name, name or "text")
