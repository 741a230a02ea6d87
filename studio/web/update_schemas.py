"""What the OpenAPI page says about updates."""

from __future__ import annotations

from typing import Final

from studio.services.update_work import STEPS
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    array,
    optional,
    record,
    route,
)

_ERROR: Final = record({"code": STRING, "message": STRING, "details": optional(OBJECT)})
_COMPONENTS: Final = {"type": "object", "additionalProperties": STRING}
_INSTALLED: Final = record(
    {
        "release": optional(STRING),
        "commit": optional(STRING),
        "version": STRING,
        "min_runtime": INTEGER,
        "components": _COMPONENTS,
    }
)
_AVAILABLE: Final = record(
    {
        "release": STRING,
        "ref": STRING,
        "commit": STRING,
        "committed_at": TIME,
        "trust": {"type": "string", "enum": ["pinned", "signed", "unsigned"]},
        "version": STRING,
        "min_runtime": INTEGER,
        "components": array(record({"name": STRING, "from": optional(STRING), "to": STRING})),
        "changes": {**STRING, "description": "What is new, as Markdown."},
        "is_older": BOOLEAN,
        "refused": optional(_ERROR),
    }
)
_WORK: Final = record(
    {
        "kind": {"type": "string", "enum": ["update", "back", "image"]},
        "subject": STRING,
        "step": {"type": "string", "enum": ["", *STEPS]},
        "steps": array(STRING),
        "at": TIME,
    }
)
_STATUS: Final = record(
    {
        "managed": {**BOOLEAN, "description": "Releases are on the volume: in the image."},
        "repository": optional(STRING),
        "ref": optional(STRING),
        "check_hours": INTEGER,
        "installed": _INSTALLED,
        "image": optional(record({"version": STRING, "is_newer": BOOLEAN})),
        "previous": optional(record({"release": STRING, "version": optional(STRING)})),
        "checked_at": optional(TIME),
        "check_error": optional(_ERROR),
        "available": optional(_AVAILABLE),
        "work": optional(_WORK),
        "failure": optional(
            record({"kind": STRING, "step": STRING, "code": STRING, "message": STRING, "at": TIME})
        ),
        "trial": optional(
            record({"release": STRING, "previous": optional(STRING), "failing": STRING})
        ),
        "rolled_back": optional(record({"release": STRING, "why": STRING, "at": TIME})),
    }
)
_REFUSED: Final = {409: "update_refused: `details.reason` names why"}

GET: Final = route(_STATUS)
CHECK: Final = route(_STATUS, {**_REFUSED, 502: "source_unreachable", 507: "disk_full"})
APPLY: Final = route(
    _STATUS,
    {**_REFUSED, 422: "invalid_request"},
    body=record(
        {"commit": STRING, "allow_downgrade": BOOLEAN, "allow_unsigned": BOOLEAN}, ("commit",)
    ),
    status=202,
)
BACK: Final = route(_STATUS, _REFUSED, status=202)
DISMISS: Final = route(_STATUS)
