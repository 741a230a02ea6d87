"""Replies that are ended: each keeps what it has, however often and however early that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

import pytest

from studio.clock import FrozenClock, new_id
from studio.models import Identity, Role
from studio.services.chat_news import ChatNews
from studio.services.chat_replies import ChatReplies, reply_to
from studio.services.language import LanguageModel
from studio.store import chat_records as records
from studio.store.chat_records import Conversation, Manner, Message

SOMEBODY = Identity(user_id="u", role=Role.MEMBER, scopes=frozenset())


class Talks:
    """A model that says one word, and then nothing for ever."""

    def __init__(self) -> None:
        self.said = asyncio.Event()

    async def models(self) -> Sequence[LanguageModel]:
        return [LanguageModel(id="slow", name="slow")]

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        yield {"choices": [{"index": 0, "delta": {"content": "one"}}]}
        self.said.set()
        await asyncio.Event().wait()

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


def conversation() -> Conversation:
    return Conversation(
        id="c",
        user_id="u",
        title="",
        titled_by="person",
        preset_id=None,
        manner=Manner(tools=False),
        tip=None,
        created_at=0,
        updated_at=0,
    )


def begun(replies: ChatReplies) -> Message:
    said = Message(
        id=new_id(),
        conversation_id="c",
        parent=None,
        role="user",
        text="Count.",
        status=records.DONE,
        created_at=0,
        updated_at=0,
    )
    reply = reply_to(said, "slow", 0)
    replies.begin(SOMEBODY, conversation(), reply)
    return reply


def opened(talks: Talks, rows: Rows) -> ChatReplies:
    return ChatReplies(
        language=talks,
        chats=cast(Any, None),
        messages=cast(Any, rows),
        calls=cast(Any, Nobody()),
        pictures=cast(Any, Nobody()),
        news=ChatNews(lambda *_, **__: None),
        clock=FrozenClock(),
        is_live=lambda _: True,
    )


@pytest.mark.parametrize("deed", ["stop", "close"])
async def test_a_reply_that_is_ended_twice_is_stored_once_and_whole(deed: str) -> None:
    talks, rows = Talks(), Rows()
    replies = opened(talks, rows)
    async with asyncio.timeout(30):
        begun(replies)
        await talks.said.wait()
        first = asyncio.create_task(replies.stop("c"))
        await rows.keeps.wait()
        again = asyncio.create_task(replies.stop("c") if deed == "stop" else _close(replies))
        await asyncio.sleep(0.01)
        rows.goes_on.set()
        assert all(await asyncio.gather(first, again))
    [kept] = rows.kept
    assert (kept.status, kept.text) == (records.STOPPED, "one")
    assert replies.turn("c") is None


async def test_a_reply_that_is_ended_before_it_began_stands_in_nobodys_way() -> None:
    rows = Rows()
    rows.goes_on.set()
    replies = opened(Talks(), rows)
    async with asyncio.timeout(30):
        begun(replies)
        assert await replies.stop("c")
    assert [kept.status for kept in rows.kept] == [records.STOPPED]
    assert replies.turn("c") is None


async def _close(replies: ChatReplies) -> bool:
    await replies.close()
    return True
