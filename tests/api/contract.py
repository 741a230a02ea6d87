"""Answers measured against the public specification of Comfy API v2."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPECIFICATION = Path(__file__).parents[1] / "contract" / "comfy-api-v2.openapi.yaml"
_BASE = "urn:comfy-api-v2"
_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_formats.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


@_formats.checks("uri-reference", raises=ValueError)
def _is_reference(value: object) -> bool:
    return not isinstance(value, str) or value.startswith("/") or _is_uri(value)


@cache
def specification() -> dict[str, Any]:
    """The specification, its ``nullable`` put into JSON Schema's own words."""
    with SPECIFICATION.open(encoding="utf-8") as source:
        content: dict[str, Any] = _with_nulls(yaml.safe_load(source))
    return content


def _with_nulls(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: _with_nulls(value) for name, value in node.items()}
    if schema.pop("nullable", False) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


@cache
def _registry() -> Registry[Any]:
    resource: Resource[Any] = DRAFT202012.create_resource(specification())
    registry: Registry[Any] = Registry()
    filled: Registry[Any] = registry.with_resource(_BASE, resource)
    return filled


def assert_schema(pointer: str, value: object) -> None:
    """Fail unless ``value`` has the shape at ``pointer``, such as ``/components/schemas/Job``."""
    schema = {"$ref": f"{_BASE}#{pointer}"}
    validator = Draft202012Validator(schema, registry=_registry(), format_checker=_formats)
    problems = [
        f"{list(each.absolute_path)}: {each.message}" for each in validator.iter_errors(value)
    ]
    assert not problems, "\n".join(problems)


def operations() -> set[tuple[str, str, str]]:
    """(method, path, status) of everything the specification promises."""
    return {
        (method.upper(), path, status)
        for path, methods in specification()["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }


class Observer:
    """Checks every answer of a client against the specification and remembers which it saw.

    ``extras`` are statuses that Studio has beyond the specification, for any operation: the
    specification has no word for JSON that is none, for a key without the scope on the one
    ``HEAD`` operation, or for a disk that is full.
    """

    extras = frozenset({"400", "403", "405", "413", "503", "507"})

    def __init__(self) -> None:
        self.seen: set[tuple[str, str, str]] = set()

    def check(self, answer: httpx.Response) -> None:
        """A hook for a client's answers."""
        path = self._template(answer.request.url.path)
        if path is None:
            return
        method, status = answer.request.method, str(answer.status_code)
        operation = specification()["paths"][path].get(method.lower())
        if operation is None:
            return
        responses = operation["responses"]
        if status not in responses:
            assert status in self.extras, f"{method} {path} answered {status}"
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            self.seen.add((method, path, status))
            return
        answer.read()
        self._check_body(answer, path, method.lower(), status, responses.get(status, {}))
        self.seen.add((method, path, status))

    @staticmethod
    def _template(path: str) -> str | None:
        for template in specification()["paths"]:
            pattern = re.sub(r"\{[a-z]+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and not (
                template.endswith("{id}") and path.endswith("/from-hash")
            ):
                return str(template)
        return None

    @staticmethod
    def _check_body(
        answer: httpx.Response, path: str, method: str, status: str, response: dict[str, Any]
    ) -> None:
        if method == "head" or status == "204":
            assert not answer.content
            return
        if int(status) >= 400:
            assert_schema("/components/schemas/ErrorEnvelope", answer.json())
        elif "application/json" in response.get("content", {}):
            place = (
                path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
            )
            assert_schema(
                f"/paths/{place}/{method}/responses/{status}/content/application~1json/schema",
                answer.json(),
            )
        if status == "429":
            assert int(answer.headers["retry-after"]) >= 0
