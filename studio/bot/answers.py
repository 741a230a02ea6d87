"""What is said of an answer of a language model: as it grows, what it asks, when it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from studio.bot.words import say, why
from studio.store import chat_records as records
from studio.store.chat_records import CALL_ENDED, Call, Message
from studio.store.telegram_replies import Reply
from studio.telegram_records import Outgoing, clipped

PIECE: Final = 4_000
"""Characters of one message."""


def question_of(call: Call, language: str) -> str:
    """Whether something may run, and for how long that is."""
    if call.expected_ms is None:
        return say(language, "chat_asks", title=call.title)
    minutes = max(1, round(call.expected_ms / 60_000))
    return say(language, "chat_asks_minutes", title=call.title, minutes=minutes)


def ended_calls(answer: Sequence[Message]) -> int:
    """How many tools of an answer have ended."""
    return sum(call.state in CALL_ENDED for each in answer for call in each.calls)


def text_of(answer: Sequence[Message], language: str) -> str:
    """What an answer says so far, and what is run for it now."""
    text = ""
    goes_on = False
    for message in answer:
        if message.text and text and not goes_on:
            text += "\n\n"
        text += message.text
        # What broke off goes on in the midst of a sentence.
        goes_on = message.status == records.INTERRUPTED and not message.calls
    running = [call for each in answer for call in each.calls if call.state == "running"]
    lines = [text, *(say(language, "chat_runs", title=call.title) for call in running)]
    return "\n\n".join(line for line in lines if line.strip()).strip()


def told_of(answer: Sequence[Message], reply: Reply, language: str) -> list[Outgoing]:
    """The whole answer, in as many messages as it needs, and how it ended."""
    end, parts = answer[-1], [text_of(answer, language)]
    if end.error is not None and end.status == records.FAILED:
        code, message = str(end.error.get("code", "")), str(end.error.get("message", ""))
        parts.append(say(language, "failed", reason=why(language, code, message)))
    elif end.status == records.STOPPED or reply.is_stopped:
        parts.append(say(language, "cancelled_dialogue"))
    if end.dropped:
        parts.append(say(language, "chat_dropped", count=end.dropped))
    text = "\n\n".join(part for part in parts if part) or "…"
    messages: list[Outgoing] = []
    while text:
        piece = clipped(text, PIECE)
        # The first one takes the place of what grew.
        messages.append(Outgoing(text=piece, follows=None if messages else reply.id))
        text = text[len(piece) :]
    return messages
