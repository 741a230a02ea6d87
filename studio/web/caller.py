"""The caller of a request, as the guard found them."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from studio.errors import InvalidRequest, Unauthorized
from studio.models import Identity, Scope
from studio.services.auth import require


def caller(request: Request, scope: Scope) -> Identity:
    """The authenticated caller, who must have ``scope``.

    Raises:
        Unauthorized, Forbidden.
    """
    identity: Identity | None = request.scope["studio.identity"]
    if identity is None:
        raise Unauthorized("An API key is needed.")
    require(identity, scope)
    return identity


async def read_body(request: Request) -> bytes:
    """All of the request's body.

    Raises:
        InvalidRequest: the caller hung up before its end.
    """
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole request came.") from error


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object.

    Raises:
        InvalidRequest: not JSON, not an object, or the caller hung up before its end.
    """
    body = await read_body(request)
    if not body:
        return {}
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return content
