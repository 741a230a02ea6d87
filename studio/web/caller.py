"""The caller of a request, as the guard found them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request

from studio.errors import InvalidRequest, SessionRequired, Unauthorized, Unprocessable
from studio.models import Identity, Scope
from studio.services.auth import require

_MOST_DIGITS: Final = 20
_Word = TypeVar("_Word", bound=str)


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


def person(request: Request) -> Identity:
    """The caller, who must be logged in: for what concerns sessions themselves.

    Raises:
        Unauthorized, SessionRequired.
    """
    identity: Identity | None = request.scope["studio.identity"]
    if identity is None:
        raise Unauthorized("Log in first.")
    if identity.session_id is None:
        raise SessionRequired("This needs somebody who is logged in; an API key is not enough.")
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


def whole_number(
    text: str | None, name: str, low: int, high: int, *, default: int | None = None
) -> int:
    """A part of the query that must be a whole number.

    Raises:
        InvalidRequest: it is something else, or out of range; or missing without a default.
    """
    if text is None and default is not None:
        return default
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise InvalidRequest(f"{name} must be a whole number from {low} to {high}.")
    number = int(text)
    if not low <= number <= high:
        raise InvalidRequest(f"{name} must be a whole number from {low} to {high}.")
    return number


def one_of(text: str | None, name: str, words: Collection[_Word], default: _Word) -> _Word:
    """A part of the query that must be one of these words, or is empty.

    Raises:
        InvalidRequest: it is another one.
    """
    for word in words:
        if text == word:
            return word
    if text:
        raise InvalidRequest(f"{name} must be one of: {', '.join(words)}.")
    return default


def known_fields(body: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """A body that has no other fields than these.

    Raises:
        Unprocessable.
    """
    if unknown := sorted(body.keys() - fields):
        raise Unprocessable(f"Unknown field {unknown[0][:100]}.", details={"fields": unknown[:20]})
    return body


def text_field(body: Mapping[str, Any], name: str, max_length: int = 256) -> str:
    """A field that must be text.

    Raises:
        Unprocessable: it is missing, something else or too long.
    """
    value = optional_text(body, name, max_length)
    if value is None:
        raise Unprocessable(f"{name} must be a string.", details={"field": name})
    return value


def optional_text(body: Mapping[str, Any], name: str, max_length: int = 256) -> str | None:
    """A field that is text if it is there.

    Raises:
        Unprocessable: it is something else, or too long.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > max_length:
        raise Unprocessable(
            f"{name} must be a string of at most {max_length} characters.", details={"field": name}
        )
    return value
