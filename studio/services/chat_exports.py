"""Conversations as files: everything as JSON, or what is shown as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from studio.clock import iso
from studio.services.chats import ChatView
from studio.store.chat_records import Call, Message

VERSION: Final = 1


def shown_branch(view: ChatView) -> list[Message]:
    """The messages that lead to the tip, the first one first."""
    by_id = {message.id: message for message in view.messages}
    branch: list[Message] = []
    at = view.conversation.tip
    while at is not None and at in by_id:
        branch.append(by_id[at])
        at = by_id[at].parent
    return branch[::-1]


def as_json(view: ChatView) -> dict[str, Any]:
    """All of a conversation: nothing of who had it."""
    found = view.conversation
    manner = found.manner
    return {
        "conversation": VERSION,
        "title": found.title,
        "created_at": iso(found.created_at),
        "system": manner.system,
        "examples": [{"user": said, "assistant": answer} for said, answer in manner.examples],
        "options": dict(manner.options or {}),
        "tip": found.tip,
        "messages": [_message(message) for message in view.messages],
    }


def as_markdown(view: ChatView) -> str:
    """The shown branch, to read."""
    parts = [f"# {_line(view.conversation.title) or 'Chat'}"]
    if system := view.conversation.manner.system.strip():
        parts.append(_quoted(system))
    for message in shown_branch(view):
        who = "You" if message.role == "user" else (_line(message.model) or "Model")
        said = [message.text.strip()] if message.text.strip() else []
        said += [f"[picture {asset_id}]" for asset_id in message.files]
        said += [_call(call) for call in message.calls]
        if said:
            parts.append(f"**{who}**, {iso(message.created_at)}")
            parts.extend(said)
    return "\n\n".join(parts) + "\n"


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "text": message.text,
        "thoughts": message.thoughts,
        "status": message.status,
        "model": message.model,
        "files": list(message.files),
        "calls": [
            {
                "name": call.name,
                "arguments": call.arguments,
                "state": call.state,
                "result": call.result,
                "assets": list(call.assets),
            }
            for call in message.calls
        ],
        "created_at": iso(message.created_at),
    }


def _call(call: Call) -> str:
    made: Sequence[str] = [f"[result {asset_id}]" for asset_id in call.assets]
    return f"*{_line(call.title or call.name)}: {call.state}* {' '.join(made)}".strip()


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())
