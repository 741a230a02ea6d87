"""Conversations with a language model: each answer is owed by a row until it was said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from studio.bot.lanes import Lanes
from studio.bot.talk import Dialogue, Talk
from studio.bot.words import say, why
from studio.clock import Clock
from studio.errors import StudioError
from studio.models import Identity
from studio.services.language import Language, LanguageModel
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople, identity_of
from studio.store.telegram_chats import TelegramChats
from studio.store.telegram_replies import Reply, TelegramReplies
from studio.telegram_errors import TelegramChatClosed, TelegramRefused, TelegramUnavailable
from studio.telegram_records import Outgoing

log = logging.getLogger(__name__)

KEPT: Final = 20
"""Messages of a conversation that the model is told again."""
KEPT_LENGTH: Final = 12_000
EDIT_S: Final = 3.0
LONGEST_S: Final = 600.0
PIECE: Final = 4_000
_SYSTEM: Final = "You are a helpful assistant in a Telegram chat. Answer in plain text, briefly."


class Chatting:
    """Talks, with the model that Studio names first.

    Args:
        require: refuses an answer to somebody who has used up their GPU time.
        wake: there may be something to send.
    """

    def __init__(
        self,
        *,
        language: Language,
        require: Callable[[Identity], Awaitable[None]],
        people: TelegramPeople,
        chats: TelegramChats,
        replies: TelegramReplies,
        link: TelegramLink,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._language = language
        self._require = require
        self._people = people
        self._chats = chats
        self._replies = replies
        self._link = link
        self._clock = clock
        self._wake = wake
        self._begun = asyncio.Event()

    async def toggle(self, talk: Talk) -> None:
        """Begin a conversation, or end it."""
        if talk.dialogue is not None and talk.dialogue.chat is not None:
            talk.end()
            talk.say(talk.word("chat_over"))
            return
        model = await self._model()
        if model is None:
            talk.say(talk.word("chat_nobody"))
            return
        talk.keep(Dialogue(key=secrets.token_hex(3), chat=[]))
        talk.say(talk.word("chat_begins", model=model.name))

    def message(self, talk: Talk) -> None:
        """Something that is said to the model; it is answered by the task."""
        if not talk.incoming.text:
            talk.say(talk.word("text_expected"))
            return
        reply_id = f"{talk.heard.bot_id}.{talk.heard.update_id}"
        talk.effects.reply = (reply_id, talk.person.user_id, talk.incoming.text)
        talk.say("…", run_id=reply_id)

    def begin(self) -> None:
        """An answer is owed."""
        self._begun.set()

    async def run(self) -> None:
        """Answer, one after the other in each chat; the body of a task."""
        lanes = Lanes(self.begin)
        try:
            while True:
                self._begun.clear()
                # Before the rows are read: what is answered meanwhile is among them.
                busy = lanes.busy
                try:
                    owed = await self._replies.owed()
                except StudioError:
                    await asyncio.sleep(EDIT_S)
                    self._begun.set()
                    owed = []
                for reply in owed:
                    if reply.chat_id not in busy:
                        lanes.start(reply.chat_id, self._work(reply))
                await self._begun.wait()
        finally:
            await lanes.close()

    async def _work(self, reply: Reply) -> None:
        # Asked for apart, so that whatever it breaks, the chat's next answer is given.
        (end,) = await asyncio.gather(self._answer(reply), return_exceptions=True)
        if isinstance(end, Exception):
            if not isinstance(end, StudioError):
                log.error("the bot could not answer", exc_info=end)
                with contextlib.suppress(StudioError):
                    await self._give_up(reply)
            # The database refuses: what is owed is owed still.
            await asyncio.sleep(EDIT_S)
        elif isinstance(end, BaseException):
            raise end

    async def _give_up(self, reply: Reply) -> None:
        person = await self._people.person(reply.chat_id)
        text = say("en" if person is None else person.language, "broken")
        told = Outgoing(text=text, edits=await self._replies.message_of(reply.id))
        await self._replies.finish(reply, None, (told,), self._clock.now_ms())
        self._wake()

    async def _answer(self, reply: Reply) -> None:
        person = await self._people.person(reply.chat_id)
        state = await self._chats.dialogue(reply.chat_id)
        if person is None or person.user_id != reply.user_id:
            await self._replies.finish(reply, None, (), self._clock.now_ms())
            return
        dialogue = Dialogue.from_data(state)
        history = list((dialogue.chat if dialogue is not None else None) or [])
        told = [*history, {"role": "user", "content": reply.text}]
        try:
            await self._require(identity_of(person))
            async with asyncio.timeout(LONGEST_S):
                text = await self._ask(reply, told)
        except TimeoutError:
            text, told = say(person.language, "chat_long"), history
        except StudioError as error:
            reason = why(person.language, error.code, error.message)
            text, told = say(person.language, "failed", reason=reason), history
        else:
            told.append({"role": "assistant", "content": text})
        kept = None
        if dialogue is not None and dialogue.chat is not None:
            kept = replace(dialogue, chat=_trimmed(told)).as_data()
        message_id = await self._replies.message_of(reply.id)
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or ["…"]
        messages = [Outgoing(text=pieces[0], edits=message_id)]
        messages += [Outgoing(text=piece) for piece in pieces[1:]]
        await self._replies.finish(reply, kept, messages, self._clock.now_ms())
        self._wake()

    async def _model(self) -> LanguageModel | None:
        """Who answers here: the first that can."""
        return next((model for model in await self._language.models() if model.chats), None)

    async def _ask(self, reply: Reply, told: list[dict[str, Any]]) -> str:
        """The whole answer; its beginning is shown while it comes."""
        model = await self._model()
        request = {
            "model": "" if model is None else model.id,
            "messages": [{"role": "system", "content": _SYSTEM}, *told],
        }
        text, shown_s = "", self._clock.monotonic_s()
        stream = self._language.stream("chat/completions", request, user_id=reply.user_id)
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                text += _words(chunk)
                now_s = self._clock.monotonic_s()
                if text.strip() and now_s - shown_s >= EDIT_S:
                    shown_s = now_s
                    await self._show(reply, f"{text[:PIECE]} …")
        return text.strip()

    async def _show(self, reply: Reply, text: str) -> None:
        message_id = await self._replies.message_of(reply.id)
        if message_id is None:
            return
        try:
            await self._link.client().edit(reply.chat_id, message_id, text)
        except (TelegramUnavailable, TelegramRefused, TelegramChatClosed):
            # The whole answer is said in the end.
            return


def _words(chunk: dict[str, Any]) -> str:
    """What a chunk adds to the answer."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return ""
    delta = choices[0].get("delta")
    content = delta.get("content") if isinstance(delta, dict) else None
    return content if isinstance(content, str) else ""


def _trimmed(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The latest turns, so that a chat's row stays small and its model is not overrun."""
    kept, length = told[-KEPT:], 0
    for at in range(len(kept) - 1, -1, -1):
        length += len(kept[at]["content"])
        if length > KEPT_LENGTH:
            return kept[at + 1 :]
    return kept
