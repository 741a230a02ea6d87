"""How the routes of webhooks are described on the API page."""

from __future__ import annotations

from typing import Final

from studio.services.webhooks import MAX_EVENTS, MAX_NAME, MAX_URL
from studio.web.openapi import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    query,
    record,
    route,
)
from studio.webhook_events import EVENTS, OF_JOBS

_EVENTS: Final[Schema] = {
    **array({**STRING, "maxLength": 100}, minItems=1, maxItems=MAX_EVENTS),
    "description": "Types of events, `job.*` for all of a group, `*` for everything: "
    f"{', '.join(EVENTS)}. Without `system`: {', '.join(OF_JOBS)}.",
}
_URL: Final[Schema] = {
    **STRING,
    "minLength": 1,
    "maxLength": MAX_URL,
    "description": "https://; private addresses and http:// only where the owner allows them.",
}
_NAME: Final[Schema] = {**STRING, "maxLength": MAX_NAME}
JOB_FIELDS: Final[dict[str, Schema]] = {
    "webhook_url": {**_URL, "description": "Is told of this job; see docs/webhooks.md."},
    "webhook_events": {
        **array({**STRING, "maxLength": 100}, minItems=1, maxItems=MAX_EVENTS),
        "description": "Of what it is told; the job's end unless something else is named.",
    },
    "webhook_secret": {
        **STRING,
        "description": "Signs it instead of your own secret: whsec_ and 24 to 64 bytes in base64.",
    },
}
_WEBHOOK: Final = record(
    {
        "id": STRING,
        "user_id": STRING,
        "user_name": STRING,
        "kind": {
            **STRING,
            "enum": ["user", "system", "jobs"],
            "description": "Whose events: its user's, everybody's, those of jobs that named a URL.",
        },
        "name": STRING,
        "url": STRING,
        "events": array(STRING),
        "created_at": TIME,
        "updated_at": TIME,
        "paused_at": optional(TIME),
        "disabled_at": optional(TIME),
        "disabled_reason": {
            **optional(STRING),
            "description": "gone: it answered 410. failing: nothing was taken for five days.",
        },
        "failing_since": optional(TIME),
        "succeeded_at": optional(TIME),
        "waiting": INTEGER,
        "failed": INTEGER,
    }
)
_WITH_SECRET: Final = {
    **record(
        {
            **_WEBHOOK["properties"],
            "secret": {**STRING, "description": "Shown this once."},
        }
    )
}
_DELIVERY: Final = record(
    {
        "id": {**STRING, "description": "webhook-id of every attempt."},
        "webhook_id": STRING,
        "type": STRING,
        "state": {**STRING, "enum": ["waiting", "delivered", "failed"]},
        "attempts": INTEGER,
        "created_at": TIME,
        "next_at": optional(TIME),
        "ended_at": optional(TIME),
        "status": {**optional(INTEGER), "description": "What the last attempt was answered."},
        "error": {
            **optional(STRING),
            "description": "Why that is no success: status, redirect, timeout, unreachable, "
            "blocked_address, source_unreachable, internal_error.",
        },
        "url": STRING,
    }
)
_ATTEMPT: Final = record(
    {
        "at": TIME,
        "duration_ms": INTEGER,
        "status": optional(INTEGER),
        "error": optional(STRING),
        "answer": {**STRING, "description": "The first KiB of it, without secrets."},
    }
)
_ONE_DELIVERY: Final = record(
    {
        **_DELIVERY["properties"],
        "body": {**STRING, "description": "What is sent, as it is signed."},
        "log": array(_ATTEMPT),
    }
)
_GONE: Final = {
    403: "forbidden: it is the system's, and the scope admin is missing",
    404: "not_found: unknown, or another user's",
}
_OFF: Final = {**_GONE, 409: "conflict: it is disabled"}
_REFUSALS: Final = {
    400: "invalid_request: no URL",
    403: "blocked_address, forbidden",
    422: "invalid_request: a field is wrong",
}

LIST: Final = route(
    record(
        {
            "webhooks": array(_WEBHOOK),
            "events": record({"own": array(STRING), "system": array(STRING)}),
        }
    )
)
CREATE: Final = route(
    _WITH_SECRET,
    {**_REFUSALS, 409: "conflict: there are too many"},
    status=201,
    body={
        **record(
            {
                "url": _URL,
                "events": _EVENTS,
                "name": _NAME,
                "system": {**BOOLEAN, "description": "Everybody's events; the owner's alone."},
            },
            ("url", "events"),
        ),
        "additionalProperties": False,
    },
)
GET: Final = route(_WEBHOOK, _GONE)
UPDATE: Final = route(
    _WEBHOOK,
    {**_GONE, **_REFUSALS, 409: "conflict: it has no address of its own"},
    body={
        **record(
            {
                "url": _URL,
                "events": _EVENTS,
                "name": _NAME,
                "paused": {**BOOLEAN, "description": "Hold what is to be sent, or go on."},
                "enabled": {
                    **BOOLEAN,
                    "enum": [True],
                    "description": "Tell it again after it was disabled.",
                },
            },
            (),
        ),
        "additionalProperties": False,
    },
)
DELETE: Final = route(None, _GONE, status=204)
SECRET: Final = route(_WITH_SECRET, _GONE)
JOB_SECRET: Final = route(_WITH_SECRET)
TEST: Final = route(_DELIVERY, {**_GONE, 409: "conflict: it is disabled or paused"}, status=202)
DELIVERIES: Final = route(
    record({"deliveries": array(_DELIVERY), "next_cursor": optional(STRING)}),
    {400: "invalid_request", **_GONE},
    parameters=(
        query(
            "state",
            "Only those.",
            {"type": "string", "enum": ["waiting", "delivered", "failed"]},
        ),
        query("cursor", "next_cursor of the page before."),
        query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 200}),
    ),
)
DELIVERY: Final = route(_ONE_DELIVERY, _GONE)
RESEND: Final = route(_DELIVERY, _OFF, status=202)
RESEND_FAILED: Final = route(
    record({"count": INTEGER}),
    {400: "invalid_request: since is no time", **_OFF, 422: "invalid_request"},
    status=202,
    body={
        **record({"since": {**TIME, "description": "Made since then; all without it."}}, ()),
        "additionalProperties": False,
    },
)
