"""What the OpenAPI page says about quotas, and about programs that log in by a code."""

from __future__ import annotations

from typing import Final

from studio.models import Scope
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    record,
    route,
)

_NUMBER: Final[Schema] = {"type": "number"}
_LIMIT: Final[Schema] = {"type": "integer", "minimum": 0}
_NAMES: Final = ("jobs", "gpu_seconds", "disk_bytes")
_STANDING: Final = record({"used": _NUMBER, "limit": optional(INTEGER), "own": BOOLEAN})
QUOTA: Final = record(dict.fromkeys(_NAMES, _STANDING))
_LIMITS: Final = record(dict.fromkeys(_NAMES, optional(INTEGER)))
_CHANGE: Final[Schema] = {
    "anyOf": [_LIMIT, {"type": "string", "enum": ["none"]}, {"type": "null"}],
    "description": '"none" is no limit; null goes back to the default.',
}
_CHANGES: Final = record(dict.fromkeys(_NAMES, _CHANGE), ())
_EXAMPLE: Final = {"gpu_seconds": 3600, "disk_bytes": "none"}
_ROLES: Final = record({"roles": record({"member": _LIMITS, "guest": _LIMITS})})
_ERRORS: Final = {404: "not_found", 409: "conflict", 422: "invalid_request"}

GET_QUOTA: Final = route(record({"quota": QUOTA, "day_ends_at": TIME}))
LIST_QUOTAS: Final = route(_ROLES)
SET_DEFAULTS: Final = route(_ROLES, _ERRORS, body=_CHANGES, example=_EXAMPLE)
SET_QUOTA: Final = route(record({"quota": QUOTA}), _ERRORS, body=_CHANGES, example=_EXAMPLE)

_SCOPES: Final = array({"type": "string", "enum": sorted(Scope)})
_CODE: Final[Schema] = {"type": "string", "example": "BCDF-GHJK"}
_WAITS: Final = {404: "not_found", 422: "invalid_request", 429: "rate_limited"}

BEGIN_DEVICE: Final = route(
    record(
        {
            "device_code": STRING,
            "user_code": _CODE,
            "verification_uri": STRING,
            "verification_uri_complete": STRING,
            "expires_in": INTEGER,
            "interval": INTEGER,
        }
    ),
    {400: "invalid_request", 422: "invalid_request", 429: "rate_limited"},
    body=record({"name": STRING, "scopes": _SCOPES}, ()),
    example={"name": "a script on my laptop", "scopes": ["jobs", "assets"]},
)
REDEEM: Final = route(
    record(
        {
            "access_token": STRING,
            "token_type": STRING,
            "scopes": _SCOPES,
            "expires_at": optional(TIME),
            "user_id": STRING,
        }
    ),
    {
        400: "authorization_pending, slow_down, expired_token, access_denied",
        422: "invalid_request",
        429: "rate_limited",
    },
    body=record({"device_code": STRING}),
)
LOOK_AT_DEVICE: Final = route(
    record(
        {
            "name": STRING,
            "scopes": _SCOPES,
            "may_give": _SCOPES,
            "address": STRING,
            "created_at": TIME,
            "expires_at": TIME,
        }
    ),
    _WAITS,
    body=record({"user_code": _CODE}),
)
DECIDE_DEVICE: Final = route(
    None,
    _WAITS,
    status=204,
    body=record(
        {
            "user_code": _CODE,
            "allow": BOOLEAN,
            "scopes": _SCOPES,
            "expires_in_days": {"type": "integer", "minimum": 1, "maximum": 36_500},
        },
        ("user_code", "allow"),
    ),
)
