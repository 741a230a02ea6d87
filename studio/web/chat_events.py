"""A reply as Server-Sent Events, while it is written: readers come, go and resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

import orjson

from studio.services.chat_turns import Turn
from studio.store.chat_records import Message
from studio.waits import set_within
from studio.web.chat_bodies import message_body

HEARTBEAT_S: Final = 15.0
PAUSE_S: Final = 0.04
"""Words that come within it are sent together."""
_MAX_MARK: Final = 100


class ReplyStream:
    """One reader's stream: each message of the turn as it is, then what is added to it.

    Args:
        turn: ``None`` when nothing is being written: the stream ends at once.
        resume: the id of the last event that the reader has: a message and how many characters of
            it. Those are not sent again.
    """

    def __init__(self, turn: Turn | None, resume: str) -> None:
        self._turn = turn
        self._revisions: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._thought: dict[str, str] = {}
        self._title = ""
        message_id, _, count = resume[:_MAX_MARK].rpartition(":")
        if message_id and count.isascii() and count.isdigit():
            self._sent[message_id] = int(count)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """SSE frames until the reply has ended."""
        turn = self._turn
        if turn is not None:
            with turn.read() as changed:
                while True:
                    changed.clear()
                    is_over = turn.is_over
                    for frame in self._changes(turn):
                        yield frame
                    if is_over:
                        break
                    if await set_within(changed, HEARTBEAT_S):
                        await asyncio.sleep(PAUSE_S)
                    else:
                        yield b": alive\n\n"
        yield _frame("end", {})

    def _changes(self, turn: Turn) -> Iterator[bytes]:
        for message, revision in zip(turn.messages, turn.revisions, strict=True):
            if self._revisions.get(message.id) != revision:
                self._revisions[message.id] = revision
                yield self._whole(message)
            elif len(message.text) > self._sent[message.id]:
                yield self._more(message)
            elif message.thoughts != self._thought[message.id]:
                yield self._thoughts(message)
        if turn.title != self._title:
            self._title = turn.title
            yield _frame("title", {"title": turn.title})

    def _whole(self, message: Message) -> bytes:
        """A message as it is, without the beginning of its text that the reader has."""
        there = min(self._sent.get(message.id, 0), len(message.text))
        self._sent[message.id] = len(message.text)
        self._thought[message.id] = message.thoughts
        body = {**message_body(message), "text": message.text[there:], "at": there}
        return _frame("message", body, self._mark(message))

    def _more(self, message: Message) -> bytes:
        there = self._sent[message.id]
        self._sent[message.id] = len(message.text)
        body = {"id": message.id, "at": there, "text": message.text[there:]}
        return _frame("text", body, self._mark(message))

    def _thoughts(self, message: Message) -> bytes:
        sent = self._thought[message.id]
        # Once their end is known, they may be a little less than they seemed.
        there = len(sent) if message.thoughts.startswith(sent) else 0
        self._thought[message.id] = message.thoughts
        body = {"id": message.id, "at": there, "thoughts": message.thoughts[there:]}
        return _frame("thoughts", body)

    @staticmethod
    def _mark(message: Message) -> str:
        return f"{message.id}:{len(message.text)}"


def _frame(event: str, data: dict[str, Any], mark: str = "") -> bytes:
    named = f"id: {mark}\n".encode() if mark else b""
    return named + b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
