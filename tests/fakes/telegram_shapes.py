"""Shapes of Telegram's Bot API: messages, people, buttons, answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Message:
    """A message of the bot's as its chat shows it now; ``edits`` are the texts it had before."""

    chat_id: int
    message_id: int
    text: str
    buttons: list[tuple[str, str]] = field(default_factory=list)
    kind: str = "text"
    files: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)

    def button(self, label: str) -> str:
        """What pressing the button of that label sends."""
        found = [data for text, data in self.buttons if text == label]
        assert found, f"no button {label!r} among {[text for text, _ in self.buttons]}"
        return found[0]


def person_of(chat_id: int) -> dict[str, Any]:
    """Somebody, by the id of their chat with the bot."""
    return {
        "id": chat_id,
        "is_bot": False,
        "first_name": "Anna",
        "username": f"anna{chat_id}",
        "language_code": "en",
    }


def buttons_of(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The buttons that a call puts below a message."""
    markup = fields.get("reply_markup") or {}
    buttons = [each for line in markup.get("inline_keyboard", []) for each in line]
    for each in buttons:
        assert len(each["callback_data"].encode()) <= 64
    return [(each["text"], each["callback_data"]) for each in buttons]


def read(text: str) -> Any:
    """A field of a form: the library writes what is no text as JSON."""
    if text[:1] in "[{":
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def good(result: Any) -> web.Response:
    """An answer as Telegram wraps it."""
    return web.json_response({"ok": True, "result": result})


def refusal(status: int, description: str) -> web.Response:
    """A refusal as Telegram wraps it."""
    body = {"ok": False, "error_code": status, "description": description}
    return web.json_response(body, status=status)
