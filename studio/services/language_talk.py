"""How our own servers are talked to, after the template that each model has for chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.errors import InvalidRequest
from studio.services.language_answers import Unmarked
from studio.services.language_files import InstalledModel
from studio.services.language_marks import MarkReader
from studio.services.language_requests import request_for, tools_of

EMBEDDINGS: Final = "embeddings"


def request_of(model: InstalledModel, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The body that its server gets. Raises InvalidRequest."""
    if (endpoint == EMBEDDINGS) != model.embeddings:
        does = "turns texts into vectors alone" if model.embeddings else "makes no vectors"
        raise InvalidRequest(f"{model.id} {does}.", details={"field": "model"})
    template = model.template
    return request_for(
        endpoint,
        request,
        takes_pictures=model.projector is not None,
        takes_tools=template.takes_tools,
        takes_system=template.takes_system,
    )


def reading_of(asked: Mapping[str, Any], request: Mapping[str, Any]) -> Unmarked:
    """Reads the answer to ``asked``, which became of ``request``."""
    is_single = request.get("parallel_tool_calls") is False
    return Unmarked(MarkReader(tools_of(asked)), most_calls=1 if is_single else None)


def wants_usage(request: Mapping[str, Any]) -> bool:
    """Whether a stream is to tell what it cost."""
    options = request.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
