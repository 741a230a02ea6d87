"""What the OpenAPI page says about quotas, and about programs that log in by a code."""

from __future__ import annotations

from typing import Final

from studio.web.openapi import BOOLEAN, INTEGER, TIME, Schema, optional, record, route

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
