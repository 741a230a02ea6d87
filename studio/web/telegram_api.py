"""The Telegram bot's page: how its line is, which chats are whose, codes that pair one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import Unprocessable
from studio.models import Identity, Scope
from studio.services.presets import PresetService
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople
from studio.telegram_records import Person
from studio.web import telegram_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, optional_text, person
from studio.web.respond import json_response

_FIELDS: Final = frozenset({"language", "default_preset", "notify_jobs", "notify_disk"})


def telegram_routes(
    *,
    people: TelegramPeople,
    link: TelegramLink,
    presets: PresetService,
    test_words: Callable[[str], str],
) -> APIRouter:
    """``/api/telegram``: everybody's own chats, for the owner everybody's.

    Args:
        test_words: what a test message says, by language.
    """
    router = APIRouter(prefix="/api/telegram", tags=["Telegram"])

    @router.get("", summary="The bot, and chats that are paired", **schemas.GET)
    async def get_telegram(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        state = link.state
        named = state.bot
        return json_response(
            {
                "state": state.kind,
                "bot": None if named is None else {"name": named.name, "username": named.username},
                "asked_at": iso_or_none(state.asked_at),
                "message": state.trouble,
                "chats": [_chat(each) for each in await people.chats(identity)],
            }
        )

    @router.post("/code", summary="A code that pairs one chat with you", **schemas.MAKE_CODE)
    async def make_code(request: Request) -> Response:
        # A chat may do all that its user may, for good: no key hands that on.
        made = await people.make_code(person(request))
        named = link.state.bot
        url = None if named is None else f"https://t.me/{named.username}?start={made.code}"
        return json_response(
            {
                "code": f"{made.code[:4]}-{made.code[4:]}",
                "expires_at": iso(made.expires_at),
                "url": url,
            },
            201,
        )

    @router.patch("/chats/{chat_id}", summary="Change a chat's settings", **schemas.UPDATE)
    async def update_chat(request: Request, chat_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = known_fields(await json_body(request), _FIELDS)
        changes = await _changes(identity, body, presets)
        return json_response(_chat(await people.update(identity, chat_id, changes)))

    @router.delete("/chats/{chat_id}", summary="Disconnect a chat", **schemas.REMOVE)
    async def remove_chat(request: Request, chat_id: str) -> Response:
        await people.remove(caller(request, Scope.JOBS), chat_id)
        return Response(status_code=204)

    @router.post("/chats/{chat_id}/test", summary="Send a test message", **schemas.TEST)
    async def test_chat(request: Request, chat_id: str) -> Response:
        chat = await people.get(caller(request, Scope.JOBS), chat_id)
        await link.client().say(chat.chat_id, test_words(chat.language))
        return Response(status_code=204)

    return router


async def _changes(
    identity: Identity, body: dict[str, Any], presets: PresetService
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "language" in body:
        changes["language"] = optional_text(body, "language", 10)
    if "default_preset" in body:
        preset_id = optional_text(body, "default_preset", 200)
        if preset_id is not None:
            await presets.get(identity, preset_id)
        changes["default_preset"] = preset_id
    for name in ("notify_jobs", "notify_disk"):
        if name in body:
            if not isinstance(body[name], bool):
                raise Unprocessable(f"{name} must be true or false.", details={"field": name})
            changes[name] = body[name]
    return changes


def _chat(chat: Person) -> dict[str, Any]:
    return {
        "id": chat.id,
        "user_id": chat.user_id,
        "user_name": chat.user_name,
        "name": chat.name,
        "username": chat.username,
        "language": chat.language,
        "default_preset": chat.default_preset,
        "notify_jobs": chat.notify_jobs,
        "notify_disk": chat.notify_disk,
        "paired_at": iso(chat.paired_at),
        "blocked_at": iso_or_none(chat.blocked_at),
    }
