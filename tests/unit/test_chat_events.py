"""What readers of a reply are sent: what is new, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import Any

from studio.services.chat_turns import Turn
from studio.store import chat_records as records
from studio.store.chat_records import Message
from studio.web.chat_events import ReplyStream


async def test_thoughts_are_sent_from_what_was_sent_on() -> None:
    reply = Message(
        id="r",
        conversation_id="c",
        parent=None,
        role="assistant",
        text="",
        status=records.WRITING,
        created_at=0,
        updated_at=0,
    )
    turn = Turn("u", reply)
    sent: list[dict[str, Any]] = []
    frames = ReplyStream(turn, "").frames()
    async with asyncio.timeout(30), contextlib.aclosing(frames):
        for thoughts in ("", "one ", "one two </th", "one two "):
            turn.grow(replace(reply, thoughts=thoughts))
            frame = (await anext(frames)).decode()
            assert ("event: thoughts" in frame) == bool(thoughts)
            sent.append(json.loads(frame.partition("data: ")[2]))

    assert [(each["at"], each["thoughts"]) for each in sent] == [
        (0, ""),
        (0, "one "),
        (4, "two </th"),
        (0, "one two "),
    ]
