"""What the OpenAPI page says about the Telegram bot."""

from __future__ import annotations

from typing import Any, Final

from studio.telegram_records import LANGUAGES
from studio.web.openapi import BOOLEAN, STRING, TIME, Schema, array, optional, record, route

Route = dict[str, Any]

_LANGUAGE: Final[Schema] = {"type": "string", "enum": list(LANGUAGES)}
_STATE: Final[Schema] = {
    "type": "string",
    "enum": ["off", "connecting", "connected", "refused", "elsewhere", "unreachable"],
}
CHAT: Final = record(
    {
        "id": STRING,
        "user_id": STRING,
        "user_name": STRING,
        "name": STRING,
        "username": optional(STRING),
        "language": _LANGUAGE,
        "default_preset": optional(STRING),
        "notify_jobs": BOOLEAN,
        "notify_disk": BOOLEAN,
        "paired_at": TIME,
        "blocked_at": optional(TIME),
    }
)
GET: Final[Route] = route(
    record(
        {
            "state": _STATE,
            "bot": optional(record({"name": STRING, "username": STRING})),
            "asked_at": optional(TIME),
            "message": STRING,
            "chats": array(CHAT),
        }
    )
)
MAKE_CODE: Final[Route] = route(
    record({"code": STRING, "expires_at": TIME, "url": optional(STRING)}), status=201
)
UPDATE: Final[Route] = route(
    CHAT,
    {404: "not_found", 422: "invalid_request"},
    body=record(
        {
            "language": _LANGUAGE,
            "default_preset": optional(STRING),
            "notify_jobs": BOOLEAN,
            "notify_disk": BOOLEAN,
        },
        (),
    ),
    example={"notify_jobs": True},
)
REMOVE: Final[Route] = route(None, {404: "not_found"}, status=204)
TEST: Final[Route] = route(
    None,
    {404: "not_found", 409: "telegram_chat_closed", 503: "telegram_unavailable"},
    status=204,
)
