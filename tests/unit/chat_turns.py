"""Replies without a server: a model's stand-in, rows in memory, and what was said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

from studio.clock import Clock, FrozenClock
from studio.models import Identity, Role
from studio.services.chat_news import ChatNews
from studio.services.chat_replies import ChatReplies
from studio.services.language import LanguageModel
from studio.store import chat_records as records
from studio.store.chat_records import Conversation, Manner, Message

SOMEBODY = Identity(user_id="u", role=Role.MEMBER, scopes=frozenset())


class Speaker:
    """Models of these names; what they say is ``stream``'s. Nobody asks for a whole answer."""

    def __init__(self, *names: str) -> None:
        self._names = names

    async def models(self) -> Sequence[LanguageModel]:
        return [LanguageModel(id=name, name=name) for name in self._names]

    def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        raise AssertionError((endpoint, request, user_id))

    async def ask(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> dict[str, Any]:
        raise AssertionError((endpoint, request, user_id))


class Rows:
    """Stores slowly what is kept for good."""

    def __init__(self) -> None:
        self.kept: list[Message] = []
        self.keeps = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def branch(self, _: str | None) -> list[Message]:
        return []

    async def keep(self, message: Message, *, durable: bool = True) -> None:
        if durable:
            self.keeps.set()
            await self.goes_on.wait()
            self.kept.append(message)


class Nobody:
    """Tools and pictures that nobody asks for."""

    async def stop(self, _: Identity, message: Message) -> tuple[()]:
        assert not message.calls
        return ()


def delta(**said: Any) -> dict[str, Any]:
    """One chunk of a model's answer."""
    return {"choices": [{"index": 0, "delta": said}]}


def replies_by(
    speaker: Speaker,
    messages: object,
    *,
    chats: object = None,
    calls: object = None,
    clock: Clock | None = None,
) -> ChatReplies:
    """The service over these rows, whose tools nobody asks for."""
    return ChatReplies(
        language=speaker,
        chats=cast(Any, chats),
        messages=cast(Any, messages),
        calls=cast(Any, calls or Nobody()),
        pictures=cast(Any, Nobody()),
        news=ChatNews(lambda *_, **__: None),
        clock=clock or FrozenClock(),
        is_live=lambda _: True,
    )


def conversation(user_id: str = "u", **manner: Any) -> Conversation:
    """One that has no title yet."""
    return Conversation(
        id="c",
        user_id=user_id,
        title="",
        titled_by="person",
        preset_id=None,
        manner=Manner(**{"tools": False, **manner}),
        tip=None,
        created_at=0,
        updated_at=0,
    )


def said(message_id: str, text: str) -> Message:
    """The first message of that conversation, which a person wrote."""
    return Message(
        id=message_id,
        conversation_id="c",
        parent=None,
        role="user",
        text=text,
        status=records.DONE,
        created_at=0,
        updated_at=0,
    )
