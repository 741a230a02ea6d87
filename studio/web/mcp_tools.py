"""What a tool for agents is: a name, a scope, what it takes, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jsonschema
from mcp_types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from mcp_types import Tool as ListedTool
from starlette.requests import Request

from studio.errors import StudioError, Unprocessable
from studio.models import Identity, Scope
from studio.services.auth import require
from studio.web.respond import error_body

Schema = dict[str, Any]
Progress = Callable[[float, float | None, str | None], Awaitable[None]]

TEXT: Final[Schema] = {"type": "string", "maxLength": 2_000}
ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}
START: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 1 << 31, "default": 0}
LIMIT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
VALUES: Final[Schema] = {
    "type": "object",
    "description": "By input; describe says which there are.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who calls, in which request, and whom to tell how far it is."""

    identity: Identity
    request: Request
    progress: Progress


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool found: facts, and pictures or links beside them."""

    facts: dict[str, Any]
    content: list[ContentBlock] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. ``scopes`` are all needed; ``reads`` says that it changes nothing."""

    name: str
    description: str
    scopes: tuple[Scope, ...]
    properties: Mapping[str, Schema]
    run: Callable[[Call, Mapping[str, Any]], Awaitable[Answer]]
    required: tuple[str, ...] = ()
    reads: bool = True

    @property
    def schema(self) -> Schema:
        """The JSON schema of its arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }

    def listed(self) -> ListedTool:
        """The tool as agents see it."""
        return ListedTool(
            name=self.name,
            description=self.description,
            input_schema=self.schema,
            annotations=ToolAnnotations(
                read_only_hint=self.reads, destructive_hint=False, open_world_hint=False
            ),
        )

    def is_for(self, identity: Identity) -> bool:
        """Whether the caller may use it."""
        return identity.scopes.issuperset(self.scopes)

    async def call(self, call: Call, arguments: Mapping[str, Any]) -> CallToolResult:
        """Its answer, or its refusal as a tool's error: agents read those and try otherwise."""
        try:
            for scope in self.scopes:
                require(call.identity, scope)
            self._check(arguments)
            answer = await self.run(call, arguments)
        except StudioError as error:
            return refused(error)
        return CallToolResult(
            content=[_text(answer.facts), *answer.content], structured_content=answer.facts
        )

    def _check(self, arguments: Mapping[str, Any]) -> None:
        problem = jsonschema.exceptions.best_match(
            jsonschema.Draft202012Validator(self.schema).iter_errors(dict(arguments))
        )
        if problem is not None:
            where = ".".join(str(part) for part in problem.absolute_path) or self.name
            raise Unprocessable(
                f"{where[:100]}: {problem.message[:300]}", details={"field": where[:100]}
            )


def refused(error: StudioError) -> CallToolResult:
    """A refusal with our code, as a tool's error."""
    facts = error_body(error)
    return CallToolResult(content=[_text(facts)], structured_content=facts, is_error=True)


def _text(facts: dict[str, Any]) -> TextContent:
    # Agents that know nothing of structured content read this.
    return TextContent(type="text", text=json.dumps(facts, ensure_ascii=False))
