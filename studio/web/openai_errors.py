"""Refusals below ``/v1`` in OpenAI's own shape, which its clients turn into their exceptions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from studio.errors import StudioError

OPENAI: Final = "/v1/"
"""Where OpenAI's routes are; their refusals have this shape, whoever refuses."""

_TYPES: Final = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


def openai_error(error: StudioError) -> dict[str, Any]:
    """``{"error": {"message", "type", "param", "code"}}``; the code is Studio's own."""
    by_default = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": error.message,
            "type": _TYPES.get(HTTPStatus(error.status), by_default),
            "param": (error.details or {}).get("field"),
            "code": error.code,
        }
    }
