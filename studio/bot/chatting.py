"""Conversations with a language model: the stored ones that the web shows too, held in a chat."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from studio.bot.talk import Dialogue, Talk
from studio.bot.uploads import Uploads
from studio.clock import new_id
from studio.errors import Conflict, NotFound
from studio.graphs.problems import clip
from studio.services.chats import ChatService
from studio.services.language import Language
from studio.store.chat_records import Message
from studio.store.telegram_replies import Reply, TelegramReplies
from studio.telegram_records import Button, Owed

PER_PAGE: Final = 6
_LABEL: Final = 48
_LAST_WORDS: Final = 1_000


class Chatting:
    """Takes what is said to the model; ``Answering`` answers it."""

    def __init__(
        self,
        *,
        chats: ChatService,
        replies: TelegramReplies,
        uploads: Uploads,
        language: Language,
    ) -> None:
        self._chats = chats
        self._replies = replies
        self._uploads = uploads
        self._language = language

    # -- which conversation ----------------------------------------------------------------------

    async def toggle(self, talk: Talk) -> None:
        """Begin a conversation, or leave it: it stays in Studio, and can be gone on with."""
        if talk.dialogue is not None and talk.dialogue.conversation is not None:
            talk.end()
            talk.say(talk.word("chat_over"))
            return
        model = next((each for each in await self._language.models() if each.chats), None)
        if model is None:
            talk.say(talk.word("chat_nobody"))
            return
        # Its row is made once something is said.
        talk.keep(Dialogue(key=secrets.token_hex(3), conversation=new_id()))
        await self._offer(talk, talk.word("chat_begins", model=model.name), 0)

    async def _offer(self, talk: Talk, text: str, page: int) -> None:
        """Say it, with earlier conversations as buttons."""
        found, total = await self._chats.page(
            talk.identity, "", start=page * PER_PAGE, limit=PER_PAGE
        )
        lines: list[tuple[Button, ...]] = [
            (Button(clip(each.conversation.title or "…", _LABEL), f"C:{each.conversation.id}"),)
            for each in found
        ]
        turning = []
        if page > 0:
            turning.append(Button("◀", f"Cp:{page - 1}"))
        if (page + 1) * PER_PAGE < total:
            turning.append(Button("▶", f"Cp:{page + 1}"))
        if turning:
            lines.append(tuple(turning))
        if lines:
            text = f"{text}\n\n{talk.word('chat_earlier')}"
        talk.show(text, tuple(lines))

    async def _continue(self, talk: Talk, conversation_id: str) -> None:
        try:
            view = await self._chats.get(talk.identity, conversation_id)
        except NotFound:
            talk.popup = talk.word("over")
            return
        talk.keep(Dialogue(key=secrets.token_hex(3), conversation=conversation_id))
        title = view.conversation.title or "…"
        lines = [talk.word("chat_goes_on", title=clip(title, _LABEL))]
        last = next((each for each in view.messages if each.id == view.conversation.tip), None)
        if last is not None and last.text.strip():
            lines.append(clip(last.text.strip(), _LAST_WORDS))
        talk.show("\n\n".join(lines))

    # -- what is said ----------------------------------------------------------------------------

    async def message(self, talk: Talk, conversation_id: str) -> None:
        """Something that is said to the model, words or a picture; it is answered by the task."""
        incoming = talk.incoming
        files: tuple[str, ...] = ()
        if incoming.files:
            asset = await self._uploads.take(talk, incoming.files[0])
            if asset is None:
                return
            if not asset.content_type.startswith("image/"):
                talk.say(talk.word("chat_pictures"))
                return
            files = (asset.id,)
        if not incoming.text.strip() and not files:
            talk.say(talk.word("text_expected"))
            return
        reply_id = f"{talk.heard.bot_id}.{talk.heard.update_id}"
        talk.effects.reply = Owed(
            id=reply_id,
            user_id=talk.person.user_id,
            conversation_id=conversation_id,
            said=new_id(),
            text=incoming.text,
            files=files,
            album=incoming.album,
        )
        talk.say("…", stop_button(talk.word("chat_stop"), reply_id), run_id=reply_id)

    async def button(self, talk: Talk, kind: str, rest: str) -> bool:
        """A button of a conversation; ``False`` when there is no such button."""
        if kind == "C":
            await self._continue(talk, rest)
        elif kind == "Cp" and rest.isdecimal():
            await self._offer(talk, talk.word("chat_which"), int(rest))
        elif kind == "S":
            reply = await self._reply(talk, rest)
            if reply is None:
                talk.popup = talk.word("over")
            else:
                await self._stop(talk, reply)
        elif kind in ("Y", "W"):
            await self._decide(talk, rest, agrees=kind == "Y")
        else:
            return False
        return True

    async def stop(self, talk: Talk) -> bool:
        """End the answer that is under way; ``False`` when none is."""
        replies = await self._replies.of_chat(talk.heard.chat_id)
        if not replies:
            return False
        await self._stop(talk, replies[0])
        return True

    async def _stop(self, talk: Talk, reply: Reply) -> None:
        await self._replies.stop(reply.id)
        # The task that answers looks at it again.
        talk.effects.goes_on = reply.id
        talk.popup = talk.word("cancelling")
        if reply.conversation_id is None:
            return
        try:
            view = await self._chats.get(talk.identity, reply.conversation_id)
        except NotFound:
            return
        if answer_to(view.messages, reply.said):
            # Another's that is written in the same conversation is left alone.
            await self._chats.stop(talk.identity, reply.conversation_id)

    async def _decide(self, talk: Talk, rest: str, *, agrees: bool) -> None:
        """Let a preset run that the model asked for, or not."""
        reply_id, _, place = rest.partition(":")
        position, _, number = place.partition(".")
        reply = await self._reply(talk, reply_id)
        if reply is None or reply.conversation_id is None or not position.isdecimal():
            talk.popup = talk.word("over")
            return
        view = await self._chats.get(talk.identity, reply.conversation_id)
        asked = answer_to(view.messages, reply.said)[int(position) :]
        if not asked or not number.isdecimal():
            talk.popup = talk.word("over")
            return
        try:
            await self._chats.decide(
                talk.identity,
                reply.conversation_id,
                asked[0].id,
                int(number),
                {"run": agrees},
            )
        except Conflict:
            # It was answered on the page, or by this very update before Studio died.
            talk.popup = talk.word("over")
        talk.effects.goes_on = reply.id
        talk.show("…", stop_button(talk.word("chat_stop"), reply.id), run_id=reply.id)

    async def _reply(self, talk: Talk, reply_id: str) -> Reply | None:
        """An answer that is owed to this very chat."""
        reply = await self._replies.get(reply_id)
        if reply is None or (reply.chat_id, reply.user_id) != (
            talk.heard.chat_id,
            talk.person.user_id,
        ):
            return None
        return reply


def stop_button(label: str, reply_id: str) -> tuple[tuple[Button, ...], ...]:
    """The button that ends an answer."""
    return ((Button(label, f"S:{reply_id}"),),)


def answer_to(messages: Sequence[Message], said: str | None) -> list[Message]:
    """The newest answer to a message: one reply after another, since tools part them."""
    found: list[Message] = []
    at = said
    while at is not None:
        below = [each for each in messages if each.parent == at and each.role == "assistant"]
        if not below:
            break
        found.append(below[-1])
        at = below[-1].id
    return found
