"""Updates of Telegram's Bot API in our own words."""

from __future__ import annotations

from typing import Any

import telegram
from telegram import Update

from studio.telegram_records import File, Incoming


def incoming_of(update: Update) -> Incoming | None:
    """What an update says to us; nothing of groups, channels and other bots."""
    user, chat = update.effective_user, update.effective_chat
    if user is None or chat is None or user.is_bot or chat.type != chat.PRIVATE:
        return None
    query = update.callback_query
    message = query.message if query is not None else update.message
    if message is None:
        return None
    common: dict[str, Any] = {
        "update_id": update.update_id,
        "chat_id": chat.id,
        "name": user.full_name[:128],
        "username": user.username,
        "language": user.language_code or "",
        "message_id": message.message_id,
    }
    if query is not None:
        return Incoming(**common, button=query.data or "", button_id=query.id)
    assert isinstance(message, telegram.Message)
    return Incoming(
        **common,
        text=message.text or message.caption or "",
        files=_files(message),
        album=message.media_group_id,
    )


def _files(message: telegram.Message) -> tuple[File, ...]:
    if message.photo:
        best = max(message.photo, key=lambda size: size.width * size.height)
        return (File(best.file_id, "photo", "photo.jpg", best.file_size),)
    if message.video is not None:
        name = message.video.file_name or "video.mp4"
        return (File(message.video.file_id, "video", name, message.video.file_size),)
    if (audio := message.audio or message.voice) is not None:
        name = getattr(audio, "file_name", None) or "sound.ogg"
        return (File(audio.file_id, "audio", name, audio.file_size),)
    if (document := message.document) is not None:
        name = document.file_name or "file"
        return (File(document.file_id, "document", name, document.file_size),)
    return ()
