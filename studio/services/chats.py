"""Conversations: begun, listed, written to, branched, deleted. Replies are ``chat_replies``'s."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.chat_errors import InvalidChat, ModelSeesNoPictures
from studio.clock import Clock, new_id
from studio.errors import Conflict
from studio.models import Identity
from studio.services import chat_fields as fields
from studio.services.assets import AssetService
from studio.services.chat_calls import decided
from studio.services.chat_news import ChatNews
from studio.services.chat_presets import ChatPresetService
from studio.services.chat_replies import ChatReplies, reply_to
from studio.services.language import LanguageModel
from studio.store import chat_records as records
from studio.store.chat_messages import MessageStore
from studio.store.chat_records import Conversation, Manner, Message
from studio.store.chats import ChatStore, Found

_FIELDS: Final = frozenset({"title", "preset_id", "tip", *fields.MANNER})
_SENT: Final = frozenset({"text", "files", "parent"})
_TITLE_WORDS: Final = 8
_GOES_ON: Final = frozenset({records.INTERRUPTED, records.STOPPED, records.FAILED, records.DONE})


@dataclass(frozen=True, slots=True)
class ChatView:
    """A conversation with all its messages, the oldest first."""

    conversation: Conversation
    messages: Sequence[Message]


class ChatService:
    """The conversations of one caller; nobody sees those of others, nor does the owner.

    Args:
        require: refuses somebody who has used up their GPU time; asked of replies that take any.
    """

    def __init__(
        self,
        *,
        chats: ChatStore,
        messages: MessageStore,
        presets: ChatPresetService,
        replies: ChatReplies,
        assets: AssetService,
        news: ChatNews,
        require: Callable[[Identity], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._chats = chats
        self._messages = messages
        self._presets = presets
        self._replies = replies
        self._assets = assets
        self._news = news
        self._require = require
        self._clock = clock
        self._beginning = asyncio.Lock()

    # -- conversations ---------------------------------------------------------------------------

    async def page(
        self, identity: Identity, query: str, *, start: int, limit: int
    ) -> tuple[Sequence[Found], int]:
        """The caller's conversations, the latest first, and how many there are in all."""
        return await self._chats.page(identity.user_id, query.strip(), start=start, limit=limit)

    async def get(self, identity: Identity, conversation_id: str) -> ChatView:
        """A conversation with every branch; replies that are being written as they are now.

        Raises:
            NotFound: it is not the caller's.
        """
        found, messages = await self._messages.all(identity.user_id, conversation_id)
        turn = self._replies.turn(conversation_id)
        live = {} if turn is None else {each.id: each for each in turn.messages}
        return ChatView(found, [live.get(each.id) or self._shown(each) for each in messages])

    def _shown(self, message: Message) -> Message:
        """A row that says ``writing`` while nobody does could not be stored when that ended."""
        if message.status == records.WRITING and not self._replies.is_writing(
            message.conversation_id
        ):
            return replace(message, status=records.INTERRUPTED)
        return message

    async def create(
        self, identity: Identity, body: Mapping[str, Any], *, conversation_id: str | None = None
    ) -> ChatView:
        """An empty conversation, in the manner of a preset or of the body.

        Args:
            conversation_id: chosen before, by whoever may have to do this again.

        Raises:
            NotFound: there is no such chat preset for the caller.
            InvalidChat: a field does not fit.
            Conflict: the caller has too many.
        """
        fields.known_fields(body, _FIELDS - {"tip"})
        preset_id = fields.id_of(body, "preset_id")
        manner = Manner()
        if preset_id is not None:
            manner = (await self._presets.get(identity, preset_id)).manner
        now_ms = self._clock.now_ms()
        has_title = bool(body.get("title"))
        new = Conversation(
            id=conversation_id or new_id(),
            user_id=identity.user_id,
            title=fields.line_of(body, "title", fields.MAX_TITLE) if has_title else "",
            titled_by="person" if has_title else "words",
            preset_id=preset_id,
            manner=fields.manner_of(body, manner),
            tip=None,
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self._chats.add(new)
        self._news.changed(identity.user_id, new.id)
        return ChatView(new, [])

    async def update(
        self, identity: Identity, conversation_id: str, body: Mapping[str, Any]
    ) -> ChatView:
        """Change what is given: title, manner, preset, the branch that is shown.

        Raises:
            NotFound: it, the chat preset or the message is not the caller's.
            InvalidChat: a field does not fit.
        """
        fields.known_fields(body, _FIELDS)
        before = await self._chats.get(identity.user_id, conversation_id)
        manner, preset_id = before.manner, before.preset_id
        if "preset_id" in body:
            preset_id = fields.id_of(body, "preset_id")
            chosen = None if preset_id is None else await self._presets.get(identity, preset_id)
            manner = Manner() if chosen is None else chosen.manner
        changed = replace(before, manner=fields.manner_of(body, manner), preset_id=preset_id)
        if "title" in body:
            title = fields.line_of(body, "title", fields.MAX_TITLE)
            changed = replace(changed, title=title, titled_by="person")
        if body.keys() - {"tip"}:
            await self._chats.update(changed)
        tip = fields.id_of(body, "tip")
        if tip is not None:
            await self._chats.show(identity.user_id, conversation_id, tip)
        self._news.changed(identity.user_id, conversation_id)
        return await self.get(identity, conversation_id)

    async def delete(self, identity: Identity, conversation_id: str) -> None:
        """Delete a conversation with all that was said; raises ``NotFound``."""
        await self._chats.get(identity.user_id, conversation_id)
        await self._replies.stop(conversation_id)
        await self._chats.delete(identity.user_id, conversation_id)
        self._news.removed(identity.user_id, conversation_id)

    # -- messages --------------------------------------------------------------------------------

    async def send(
        self,
        identity: Identity,
        conversation_id: str,
        body: Mapping[str, Any],
        *,
        message_id: str | None = None,
    ) -> tuple[Message, Message]:
        """Say something, and have it answered: the message, and the reply that begins.

        ``parent`` is what it follows: the end of the shown branch unless it is given. To edit an
        earlier message is to send another one after what came before it.

        Args:
            message_id: chosen before, by whoever may have to do this again.

        Raises:
            NotFound: the conversation, the parent or a file is not the caller's.
            InvalidChat, ModelSeesNoPictures: it cannot be sent so.
            ReplyRunning, TooManyReplies: not now.
            NoLanguageModel, LanguageModelNotFound: nobody would answer.
        """
        fields.known_fields(body, _SENT)
        files = fields.files_of(body)
        text = fields.text_of(body, "text", fields.MAX_TEXT, least=0 if files else 1)
        found = await self._chats.get(identity.user_id, conversation_id)
        model = await self._replies.model(found.manner.model)
        for asset_id in files:
            asset = await self._assets.get(identity, asset_id)
            if not asset.content_type.startswith("image/"):
                raise InvalidChat(f"{asset.file_path} is no picture.", details={"field": "files"})
        if files and not model.vision and not found.manner.tools:
            raise ModelSeesNoPictures(f"“{model.name}” takes no pictures. Choose another model.")
        now_ms = self._clock.now_ms()
        said = Message(
            id=message_id or new_id(),
            conversation_id=conversation_id,
            parent=fields.id_of(body, "parent") if "parent" in body else found.tip,
            role="user",
            text=text,
            status=records.DONE,
            created_at=now_ms,
            updated_at=now_ms,
            files=files,
        )
        reply = reply_to(said, model.id, now_ms)
        await self._add(identity, found, said, reply, model=model)
        if not found.title:
            await self._chats.update(replace(found, title=_first_words(text)))
        return said, reply

    async def regenerate(
        self,
        identity: Identity,
        conversation_id: str,
        message_id: str,
        body: Mapping[str, Any],
    ) -> Message:
        """Another reply beside one that there is, by the same model or the one that is named.

        Raises:
            NotFound, ReplyRunning, TooManyReplies, LanguageModelNotFound: see ``send``.
            InvalidChat: the message is no reply.
        """
        fields.known_fields(body, {"model"})
        found = await self._chats.get(identity.user_id, conversation_id)
        message = await self._messages.get(identity.user_id, conversation_id, message_id)
        branch = await self._messages.branch(message.id)
        said = next((each for each in reversed(branch) if each.role == "user"), None)
        if message.role == "user":
            said = message
        if said is None:
            raise InvalidChat("There is nothing before it to answer.")
        model = await self._replies.model(fields.id_of(body, "model") or found.manner.model)
        reply = reply_to(said, model.id, self._clock.now_ms())
        await self._add(identity, found, reply, model=model)
        return reply

    async def go_on(self, identity: Identity, conversation_id: str, message_id: str) -> Message:
        """Finish a reply that broke off: its tools first, then its words, in a message below it.

        Raises:
            NotFound, ReplyRunning, TooManyReplies, LanguageModelNotFound: see ``send``.
            Conflict: the message is no reply, or is not over.
        """
        found = await self._chats.get(identity.user_id, conversation_id)
        message = await self._messages.get(identity.user_id, conversation_id, message_id)
        message = self._shown(message)
        if message.role == "user" or message.status not in _GOES_ON:
            raise Conflict("Only a reply that has ended can be gone on with.")
        now_ms = self._clock.now_ms()
        has_open_calls = any(call.state not in records.CALL_ENDED for call in message.calls)
        if has_open_calls or not (message.text or message.calls):
            again = replace(message, status=records.WRITING, error=None, updated_at=now_ms)
            takes_time = await self._replies.takes_time(message.model)
            async with self._beginning:
                return await self._resume(identity, found, again, takes_time=takes_time)
        model = await self._replies.model(message.model, found.manner.model)
        reply = reply_to(message, model.id, now_ms)
        await self._add(identity, found, reply, model=model)
        return reply

    async def decide(
        self,
        identity: Identity,
        conversation_id: str,
        message_id: str,
        number: int,
        body: Mapping[str, Any],
    ) -> Message:
        """Answer whether a tool may run; when all is answered, the reply goes on.

        Raises:
            NotFound: there is no such call of the caller's.
            Conflict: nobody asks any more.
        """
        fields.known_fields(body, {"run"})
        agrees = fields.flag_of(body, "run")
        found = await self._chats.get(identity.user_id, conversation_id)
        message = await self._messages.get(identity.user_id, conversation_id, message_id)
        takes_time = await self._replies.takes_time(message.model)
        # Read again within it: of two answers at once the later would take the earlier one back.
        async with self._beginning:
            message = await self._messages.get(identity.user_id, conversation_id, message_id)
            asked = [call.number for call in message.calls if call.state == records.ASKING]
            if message.status != records.ASKING or number not in asked:
                raise Conflict("This question was answered already.")
            now_ms = self._clock.now_ms()
            message = decided(message, number, agrees=agrees, now_ms=now_ms)
            if len(asked) > 1:
                await self._messages.resume(identity.user_id, message)
                self._news.changed(identity.user_id, conversation_id)
                return message
            again = replace(message, status=records.WRITING)
            return await self._resume(identity, found, again, takes_time=takes_time)

    async def stop(self, identity: Identity, conversation_id: str) -> None:
        """End the reply that is being written; without one nothing happens.

        Raises:
            NotFound: the conversation is not the caller's.
        """
        await self._chats.get(identity.user_id, conversation_id)
        await self._replies.stop(conversation_id)

    async def _add(
        self, identity: Identity, found: Conversation, *new: Message, model: LanguageModel
    ) -> None:
        # Everybody waits for it: nobody may be asked over the network meanwhile.
        async with self._beginning:
            await self._make_way(identity, new[-1], takes_time=model.is_here)
            await self._messages.add(identity.user_id, new)
            self._replies.begin(identity, found, new[-1])

    async def _resume(
        self, identity: Identity, found: Conversation, message: Message, *, takes_time: bool
    ) -> Message:
        await self._make_way(identity, message, takes_time=takes_time)
        await self._messages.resume(identity.user_id, message)
        self._replies.begin(identity, found, message)
        return message

    async def _make_way(self, identity: Identity, reply: Message, *, takes_time: bool) -> None:
        """A row that could not be stored when its reply ended must not stand in the way."""
        conversation_id = reply.conversation_id
        if takes_time:
            await self._require(identity)
        self._replies.require_room(identity.user_id)
        if not self._replies.is_writing(conversation_id):
            await self._replies.stop(conversation_id)
            await self._messages.interrupt(self._clock.now_ms(), conversation_id)


def _first_words(text: str) -> str:
    words = " ".join(text.split()[:_TITLE_WORDS])
    return "".join(char for char in words if char.isprintable())[: fields.MAX_NAME]
