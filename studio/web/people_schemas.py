"""What the OpenAPI page says about people, sessions and the ways in."""

from __future__ import annotations

from typing import Any, Final

from studio.web.membership_schemas import QUOTA
from studio.web.openapi import (
    BOOLEAN,
    STRING,
    TIME,
    Schema,
    answers,
    array,
    json_answer,
    json_body,
    optional,
    query,
    record,
)

Route = dict[str, Any]

ROLE: Final[Schema] = {"type": "string", "enum": ["owner", "member", "guest"]}
GIVEN_ROLE: Final[Schema] = {"type": "string", "enum": ["member", "guest"]}
NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 40}
PASSWORD: Final[Schema] = {"type": "string", "minLength": 8, "maxLength": 256}
HOURS: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 720, "default": 72}
PERSON: Final = record({"id": STRING, "name": STRING, "role": ROLE, "scopes": array(STRING)})
USER: Final = record(
    {
        "id": STRING,
        "name": STRING,
        "role": ROLE,
        "created_at": optional(TIME),
        "disabled_at": optional(TIME),
        "last_seen_at": optional(TIME),
    }
)
SESSION: Final = record(
    {
        "id": STRING,
        "user_id": STRING,
        "user_name": STRING,
        "created_at": TIME,
        "last_used_at": TIME,
        "expires_at": TIME,
        "client": STRING,
        "current": BOOLEAN,
    }
)
INVITATION: Final[dict[str, Schema]] = {
    "id": STRING,
    "role": GIVEN_ROLE,
    "created_at": TIME,
    "expires_at": TIME,
}
_LINK: Final[Schema] = {"type": "string", "format": "uri", "description": "Shown this once."}


def _route(
    good: Schema | None,
    errors: dict[int, str] | None = None,
    *,
    status: int = 200,
    body: Schema | None = None,
    example: Any = None,
    extra: Route | None = None,
) -> Route:
    answer = {"description": "Done."} if good is None else json_answer("The answer.", good)
    route: Route = {"status_code": status, "responses": answers({status: answer}, errors)}
    more = {
        **({} if body is None else {"requestBody": json_body(body, example=example)}),
        **(extra or {}),
    }
    return {**route, "openapi_extra": more} if more else route


_ENTERED: Final = record({"user": PERSON})
_THROTTLED: Final = {422: "invalid_request", 429: "too_many_logins"}

GET_SETUP: Final = _route(record({"needed": BOOLEAN}))
SET_UP: Final = _route(
    {
        "oneOf": [
            _ENTERED,
            record({"kind": {"type": "string", "enum": ["setup"]}, "expires_at": TIME}),
        ]
    },
    {**_THROTTLED, 409: "already_set_up, conflict"},
    body=record({"token": STRING, "api_key": STRING, "password": PASSWORD, "name": NAME}, ()),
)
LOG_IN: Final = _route(
    _ENTERED, _THROTTLED, body=record({"name": STRING, "password": STRING}, ("password",))
)
GET_SESSION: Final = _route(
    record({"user": PERSON, "expires_at": TIME, "insecure": BOOLEAN, "public_url": STRING})
)
LOG_OUT: Final = _route(None, status=204)
CHANGE_PASSWORD: Final = _route(
    None,
    {**_THROTTLED, 409: "conflict"},
    status=204,
    body=record({"current": STRING, "new": PASSWORD}),
)
LIST_SESSIONS: Final = _route(
    record({"sessions": array(SESSION)}),
    extra={"parameters": [query("all", "1: everybody's, for the owner")]},
)
END_SESSION: Final = _route(None, {404: "not_found"}, status=204)
END_OTHERS: Final = _route(None, status=204)
JOIN: Final = _route(
    {
        "oneOf": [
            _ENTERED,
            record(
                {
                    "kind": {"type": "string", "enum": ["invitation", "reset"]},
                    "role": ROLE,
                    "expires_at": TIME,
                    "name": STRING,
                },
                ("kind", "role", "expires_at"),
            ),
        ]
    },
    {**_THROTTLED, 409: "conflict, name_taken"},
    body=record({"token": STRING, "name": NAME, "password": PASSWORD}, ("token",)),
)
LIST_USERS: Final = _route(record({"users": array({"allOf": [USER, record({"quota": QUOTA})]})}))
SIGN_OUT: Final = _route(None, {404: "not_found"}, status=204)
UPDATE_USER: Final = _route(
    USER,
    {404: "not_found", 409: "conflict, name_taken", 422: "invalid_request"},
    body=record({"name": NAME, "role": GIVEN_ROLE, "disabled": BOOLEAN}, ()),
    example={"name": "Anna"},
)
RESET_USER: Final = _route(
    record({"url": _LINK, "expires_at": TIME}), {404: "not_found", 409: "conflict"}
)
LIST_INVITATIONS: Final = _route(record({"invitations": array(record(INVITATION))}))
INVITE: Final = _route(
    record({**INVITATION, "url": _LINK}),
    {422: "invalid_request"},
    status=201,
    body=record({"role": GIVEN_ROLE, "expires_in_hours": HOURS}, ("role",)),
)
WITHDRAW: Final = _route(None, {404: "not_found"}, status=204)
