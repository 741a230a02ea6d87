"""What a workflow asks for as a JSON schema: what programs and language models fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from studio.graphs.manifests.manifest import FILE_TYPES, InputType

Schema = dict[str, Any]

MAX_OPTIONS: Final = 100
"""More are left out, and the description says so: a reader has to read all of them."""
_FILE: Final[Schema] = {
    "type": "object",
    "properties": {"asset": {"type": "string", "description": "The id of one of your files."}},
    "required": ["asset"],
    "additionalProperties": False,
}
_SIDE: Final[Schema] = {"type": "integer", "minimum": 1}
_LORA: Final[Schema] = {
    "type": "object",
    "properties": {"file": {"type": "string"}, "strength": {"type": "number", "default": 1}},
    "required": ["file"],
}
_SCENE: Final[Schema] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string"},
        "duration": {"type": "number", "exclusiveMinimum": 0, "description": "Seconds."},
        "seed": {"type": "integer"},
    },
    "required": ["prompt", "duration"],
}
_PLAIN: Final[Mapping[str, str]] = {
    InputType.TEXT: "string",
    InputType.INT: "integer",
    InputType.FLOAT: "number",
    InputType.SEED: "integer",
    InputType.BOOLEAN: "boolean",
}


def parameters(form: Iterable[Mapping[str, Any]]) -> Schema:
    """The schema of a form's values.

    Args:
        form: see ``form``; what has a default need not be given.
    """
    fields = list(form)
    return {
        "type": "object",
        "properties": {field["id"]: _property(field) for field in fields},
        "required": [
            field["id"]
            for field in fields
            if field.get("required") and field.get("default") in (None, "")
        ],
        "additionalProperties": False,
    }


def _property(field: Mapping[str, Any]) -> Schema:
    kind = InputType(field["type"])
    make = _SPECIAL.get(kind)
    schema: Schema = {"type": _PLAIN[kind]} if make is None else make(field)
    if kind in FILE_TYPES:
        schema = _file(field, schema)
    words = [field["name"], field.get("help") or ""]
    if kind in FILE_TYPES:
        words.append(f"A file: {kind.value}.")
    if kind is InputType.SEED:
        words.append("-1 draws one.")
    options = [option["value"] for option in field.get("options") or ()]
    if kind is not InputType.LORAS and options:
        if len(options) <= MAX_OPTIONS:
            schema["enum"] = options
        else:
            words.append(f"One of {len(options)}; the first: {', '.join(map(str, options[:20]))}.")
    elif options:
        words.append(f"Files: {', '.join(map(str, options[:MAX_OPTIONS]))}.")
    if kind in (InputType.INT, InputType.FLOAT):
        limits = {"minimum": field.get("min"), "maximum": field.get("max")}
        schema |= {name: limit for name, limit in limits.items() if limit is not None}
    if field.get("default") not in (None, ""):
        schema["default"] = field["default"]
    return {**schema, "description": " ".join(word.rstrip() for word in words if word)}


def _resolution(field: Mapping[str, Any]) -> Schema:
    limits = {"minimum": field.get("min"), "maximum": field.get("max")}
    side = {**_SIDE, **{name: limit for name, limit in limits.items() if limit is not None}}
    return {
        "type": "object",
        "properties": {"width": side, "height": side},
        "required": ["width", "height"],
        "additionalProperties": False,
    }


def _file(field: Mapping[str, Any], schema: Schema) -> Schema:
    return {"type": "array", "items": schema} if field.get("multiple") else schema


_SPECIAL: Final[Mapping[InputType, Callable[[Mapping[str, Any]], Schema]]] = {
    InputType.RESOLUTION: _resolution,
    InputType.LORAS: lambda _: {"type": "array", "items": dict(_LORA)},
    InputType.SCENES: lambda _: {"type": "array", "items": dict(_SCENE)},
    **dict.fromkeys((InputType.SELECT, InputType.CHECKPOINT, InputType.VAE), lambda _: {}),
    **dict.fromkeys(FILE_TYPES, lambda _: dict(_FILE)),
}
