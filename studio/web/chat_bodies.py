"""Conversations, messages and chat presets as they are shown."""

from __future__ import annotations

from typing import Any

from studio.clock import iso
from studio.services.chats import ChatView
from studio.services.language import LanguageModel
from studio.store.chat_records import Call, ChatPreset, Conversation, Manner, Message


def conversation_body(found: Conversation) -> dict[str, Any]:
    """A conversation in a list."""
    return {
        "id": found.id,
        "title": found.title,
        "preset_id": found.preset_id,
        "model": found.manner.model,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
    }


def chat_body(view: ChatView) -> dict[str, Any]:
    """A conversation with all that was said."""
    found = view.conversation
    return {
        **conversation_body(found),
        **_manner(found.manner),
        "tip": found.tip,
        "messages": [message_body(message) for message in view.messages],
    }


def message_body(message: Message) -> dict[str, Any]:
    """One message."""
    return {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "text": message.text,
        "thoughts": message.thoughts,
        "status": message.status,
        "error": message.error,
        "model": message.model,
        "usage": message.usage,
        "dropped": message.dropped,
        "files": list(message.files),
        "calls": [_call(call) for call in message.calls],
        "created_at": iso(message.created_at),
        "updated_at": iso(message.updated_at),
    }


def preset_body(preset: ChatPreset, user_id: str) -> dict[str, Any]:
    """A chat preset as its caller sees it."""
    return {
        "id": preset.id,
        "name": preset.name,
        "description": preset.description,
        **_manner(preset.manner),
        "shared": preset.shared,
        "owner": {"id": preset.user_id, "name": preset.user_name},
        "editable": preset.user_id == user_id,
        "created_at": iso(preset.created_at),
        "updated_at": iso(preset.updated_at),
    }


def model_body(model: LanguageModel) -> dict[str, Any]:
    """A model that may be asked."""
    return {
        "id": model.id,
        "name": model.name,
        "context": model.context,
        "vision": model.vision,
        "state": model.state,
        "reason": model.reason,
    }


def _manner(manner: Manner) -> dict[str, Any]:
    return {
        "model": manner.model,
        "system": manner.system,
        "examples": [{"user": said, "assistant": answer} for said, answer in manner.examples],
        "options": dict(manner.options or {}),
        "tools": manner.tools,
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "number": call.number,
        "name": call.name,
        "arguments": call.arguments,
        "state": call.state,
        "title": call.title,
        "expected_ms": call.expected_ms,
        "job_id": call.job_id,
        "result": call.result,
        "assets": list(call.assets),
        "error": call.error,
    }
