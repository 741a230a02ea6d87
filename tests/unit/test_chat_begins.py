"""Replies that begin: by the model they name, and nobody waits for another one's list of models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from studio.clock import FrozenClock
from studio.models import Identity
from studio.services.chat_news import ChatNews
from studio.services.chat_replies import reply_to
from studio.services.chats import ChatService
from studio.services.language import LanguageModel
from studio.store.chat_records import Conversation, Message
from tests.unit.chat_turns import (
    SOMEBODY,
    Rows,
    Speaker,
    conversation,
    delta,
    replies_by,
    said,
)


class Lists(Speaker):
    """Two models that answer with their names. The list number ``held`` is never answered."""

    def __init__(self, held: int = 0) -> None:
        super().__init__("first", "second")
        self.held = held
        self.count = 0
        self.holds = asyncio.Event()
        self.asked: list[str] = []

    async def models(self) -> Sequence[LanguageModel]:
        self.count += 1
        if self.count == self.held:
            self.holds.set()
            await asyncio.Event().wait()
        return await super().models()

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        self.asked.append(request["model"])
        yield delta(content=request["model"])


class Stored(Rows):
    """Conversations and messages that are stored at once."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on.set()

    async def get(self, _: str, conversation_id: str) -> Conversation:
        return replace(conversation(), id=conversation_id, title="Named")

    async def add(self, _: str, new: Sequence[Message]) -> None:
        self.added = new

    async def interrupt(self, *_: object) -> None: ...


async def allow(_: Identity) -> None: ...


async def test_nobody_waits_for_the_list_of_models_that_another_ones_message_asks_for() -> None:
    lists, rows = Lists(held=2), Stored()
    replies = replies_by(lists, rows, chats=rows)
    chats = ChatService(
        chats=cast(Any, rows),
        messages=cast(Any, rows),
        presets=cast(Any, None),
        replies=replies,
        assets=cast(Any, None),
        news=ChatNews(lambda *_, **__: None),
        require=allow,
        clock=FrozenClock(),
    )
    async with asyncio.timeout(30):
        held = asyncio.create_task(chats.send(SOMEBODY, "a", {"text": "Hello"}))
        await lists.holds.wait()

        _, reply = await chats.send(SOMEBODY, "b", {"text": "Hello"})

        assert reply.conversation_id == "b"
        await held
        await replies.close()


async def test_a_reply_that_names_no_model_is_written_by_its_conversations() -> None:
    lists, rows = Lists(), Stored()
    replies = replies_by(lists, rows, chats=rows)
    asked = conversation(model="second")
    async with asyncio.timeout(30):
        replies.begin(SOMEBODY, asked, reply_to(said("m", "Who?"), "", 0))
        turn = replies.turn("c")
        assert turn is not None and turn.task is not None
        await turn.task
    assert lists.asked == ["second"]
    assert [kept.text for kept in rows.kept][-1] == "second"
