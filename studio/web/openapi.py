"""Words that the OpenAPI page's descriptions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Schema = dict[str, Any]

STRING: Final[Schema] = {"type": "string"}
INTEGER: Final[Schema] = {"type": "integer"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
OBJECT: Final[Schema] = {"type": "object", "additionalProperties": True}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
LABELS: Final[Schema] = {"type": "object", "additionalProperties": STRING}
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": STRING,
                "message": STRING,
                "details": {"type": ["object", "null"]},
            },
        }
    },
}


def optional(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(properties: dict[str, Schema], required: tuple[str, ...] | None = None) -> Schema:
    """An object; every property is required unless ``required`` names fewer."""
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": names}


def array(items: Schema, **limits: int) -> Schema:
    """A list of ``items``."""
    return {"type": "array", "items": items, **limits}


def json_answer(description: str, schema: Schema) -> Schema:
    """An answer with a JSON body."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def answers(
    good: dict[int | str, Schema], errors: dict[int, str] | None = None
) -> dict[int | str, Schema]:
    """``responses`` of a route: its own answers and errors, and those that every route has."""
    every = {401: "unauthorized", 403: "forbidden", 500: "upstream_error", **(errors or {})}
    return {**good, **{status: json_answer(text, ERROR) for status, text in sorted(every.items())}}


def path(name: str) -> Schema:
    """A part of the address."""
    return {"name": name, "in": "path", "required": True, "schema": STRING}


def header(name: str, description: str) -> Schema:
    """A header that may be sent."""
    return {"name": name, "in": "header", "schema": STRING, "description": description}


def query(name: str, description: str, schema: Schema = STRING) -> Schema:
    """A part of the query that may be sent."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def json_body(schema: Schema, *, required: bool = True, example: object = None) -> Schema:
    """``requestBody`` of a route that takes JSON.

    Args:
        example: where one made from the schema would say too little, or too much.
    """
    described = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"required": required, "content": {"application/json": described}}


def route(
    good: Schema | None,
    errors: dict[int, str] | None = None,
    *,
    status: int = 200,
    body: Schema | None = None,
    example: object = None,
    parameters: Sequence[Schema] = (),
) -> dict[str, Any]:
    """What a route is declared with: its answer, its refusals, what it takes.

    Args:
        good: the JSON that it answers, ``None`` for an answer without any.
        example: of the body; see ``json_body``.
    """
    answer = {"description": "Done."} if good is None else json_answer("The answer.", good)
    more: dict[str, Any] = {}
    if body is not None:
        more["requestBody"] = json_body(body, example=example)
    if parameters:
        more["parameters"] = list(parameters)
    declared = {"status_code": status, "responses": answers({status: answer}, errors)}
    return {**declared, "openapi_extra": more} if more else declared
