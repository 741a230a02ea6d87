"""One envelope for every error, one way to send JSON."""

from __future__ import annotations

import logging
from collections import Counter
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import (
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    StudioError,
    Unprocessable,
    UpstreamError,
)
from studio.logs import request_id
from studio.web.openai_errors import OPENAI, openai_error

log = logging.getLogger(__name__)


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """JSON bytes by orjson."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


errors: Final[Counter[str]] = Counter()
"""How many refusals were answered since the start, by code."""


def error_body(error: StudioError, path: str = "") -> dict[str, Any]:
    """The envelope of one refusal; that of ``path``, when it has one of its own."""
    errors[error.code] += 1
    if path.startswith(OPENAI):
        return openai_error(error)
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


def error_headers(error: StudioError) -> dict[str, str]:
    """``Retry-After`` and ``WWW-Authenticate`` where they belong."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def error_response(error: StudioError, path: str = "") -> Response:
    """The answer for one refusal, at ``path``."""
    return json_response(error_body(error, path), error.status, error_headers(error))


def unexpected_response(error: Exception, path: str = "") -> Response:
    """The answer for what nobody foresaw; the log has the rest."""
    log.error("request %s failed", request_id.get(), exc_info=error)
    return error_response(
        UpstreamError(
            "Something went wrong inside Studio. Its log has the details under request "
            f"{request_id.get()}."
        ),
        path,
    )


def install_error_handlers(app: FastAPI) -> None:
    """Turn everything a route can raise into the envelope; addresses are taken as they are."""
    # A redirect would be built from whatever Host header the request brought.
    app.router.redirect_slashes = False

    async def on_studio_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, StudioError)
        return error_response(error, _path(request))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.NOT_FOUND:
            return error_response(NotFound("There is nothing at this address."), _path(request))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            refusal = MethodNotAllowed("This address does not take that method.")
            response = error_response(refusal, _path(request))
            response.headers["Allow"] = (error.headers or {}).get("Allow", "")
            return response
        return error_response(InvalidRequest(str(error.detail)), _path(request))

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [
            {"field": ".".join(map(str, problem["loc"])), "message": problem["msg"]}
            for problem in error.errors()
        ]
        first = problems[0]
        return error_response(
            Unprocessable(f"{first['field']}: {first['message']}", details={"fields": problems}),
            _path(request),
        )

    async def on_anything(request: Request, error: Exception) -> Response:
        return unexpected_response(error, _path(request))

    app.add_exception_handler(StudioError, on_studio_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(Exception, on_anything)


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path
