"""Replies that are ended: each keeps what it has, however often and however early that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from studio.clock import new_id
from studio.services.chat_replies import ChatReplies, reply_to
from studio.store import chat_records as records
from studio.store.chat_records import Message
from tests.unit.chat_turns import (
    SOMEBODY,
    Rows,
    Speaker,
    conversation,
    delta,
    replies_by,
    said,
)


class Talks(Speaker):
    """A model that says one word, and then nothing for ever."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.said = asyncio.Event()

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        yield delta(content="one")
        self.said.set()
        await asyncio.Event().wait()


def begun(replies: ChatReplies) -> Message:
    reply = reply_to(said(new_id(), "Count."), "slow", 0)
    replies.begin(SOMEBODY, conversation(), reply)
    return reply


@pytest.mark.parametrize("deed", ["stop", "close"])
async def test_a_reply_that_is_ended_twice_is_stored_once_and_whole(deed: str) -> None:
    talks, rows = Talks(), Rows()
    replies = replies_by(talks, rows)
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
    replies = replies_by(Talks(), rows)
    async with asyncio.timeout(30):
        begun(replies)
        assert await replies.stop("c")
    assert [kept.status for kept in rows.kept] == [records.STOPPED]
    assert replies.turn("c") is None


async def _close(replies: ChatReplies) -> bool:
    await replies.close()
    return True
