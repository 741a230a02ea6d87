"""Writes replies, each in a task of its own: whoever reads may leave, the reply is finished."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from studio.chat_errors import TooManyReplies
from studio.clock import Clock, new_id
from studio.errors import InvalidRequest, StudioError, Unauthorized
from studio.language_errors import LanguageModelNotFound, NoLanguageModel
from studio.models import Identity
from studio.services.chat_answers import Answer, title_of
from studio.services.chat_calls import ChatCalls
from studio.services.chat_news import ChatNews
from studio.services.chat_pictures import ChatPictures
from studio.services.chat_requests import Request, assemble
from studio.services.chat_tools import DEFINITIONS, REMINDER
from studio.services.chat_turns import Turn, to_its_end
from studio.services.language import Language, LanguageModel, takes_time
from studio.store import chat_records as records
from studio.store.chat_messages import MessageStore
from studio.store.chat_records import Conversation, Manner, Message
from studio.store.chats import ChatStore

log = logging.getLogger(__name__)

MAX_REPLIES_PER_USER: Final = 4
KEEP_EVERY_S: Final = 0.5
_TITLE_TOKENS: Final = 32
_TITLE: Final = (
    "Write a title of at most six words for this conversation, in its language, without quotation "
    "marks. Answer with the title alone."
)
_SENT: Final = ("temperature", "top_p", "max_tokens")


class ChatReplies:
    """The replies that are being written now.

    Args:
        is_live: whether an identity would still be let in: asked before each step.
    """

    def __init__(
        self,
        *,
        language: Language,
        chats: ChatStore,
        messages: MessageStore,
        calls: ChatCalls,
        pictures: ChatPictures,
        news: ChatNews,
        clock: Clock,
        is_live: Callable[[Identity], bool],
    ) -> None:
        self._language = language
        self._chats = chats
        self._messages = messages
        self._calls = calls
        self._pictures = pictures
        self._news = news
        self._clock = clock
        self._is_live = is_live
        self._turns: dict[str, Turn] = {}

    def turn(self, conversation_id: str) -> Turn | None:
        """The reply of a conversation that is being written."""
        return self._turns.get(conversation_id)

    async def model(self, *wanted: str | None) -> LanguageModel:
        """The first of those ids that is there; ``None`` is the default one.

        Raises:
            NoLanguageModel: there is none at all.
            LanguageModelNotFound: none of those that are named is there.
        """
        models = await self._language.models()
        for name in wanted:
            for model in models:
                if model.chats if name is None else model.id == name:
                    return model
        named = next((name for name in wanted if name is not None), None)
        if named is None:
            raise NoLanguageModel("There is no language model to answer.")
        raise LanguageModelNotFound(
            f"The language model “{named[:100]}” is not there. Choose another one.",
            details={"field": "model"},
        )

    async def takes_time(self, model_id: str) -> bool:
        """Whether a reply of this model takes GPU time; asks whoever runs the models."""
        return takes_time(await self._language.models(), model_id)

    def require_room(self, user_id: str) -> None:
        """Raises ``TooManyReplies``."""
        there = sum(
            turn.user_id == user_id and turn.message.status == records.WRITING
            for turn in self._turns.values()
        )
        if there >= MAX_REPLIES_PER_USER:
            raise TooManyReplies(
                f"{MAX_REPLIES_PER_USER} replies are being written for you. Wait for one of them.",
                retry_after_s=5,
            )

    def is_writing(self, conversation_id: str) -> bool:
        """Whether a reply of it is being written; one that only looks for a title is not."""
        turn = self._turns.get(conversation_id)
        return turn is not None and turn.message.status == records.WRITING

    def begin(self, identity: Identity, conversation: Conversation, reply: Message) -> None:
        """Write ``reply``, whose row is there, in the background; no other one may be."""
        turn = Turn(identity.user_id, reply)
        self._turns[conversation.id] = turn
        turn.task = asyncio.create_task(
            self._work(turn, identity, conversation), name=f"reply {reply.id}"
        )
        self._news.changed(identity.user_id, conversation.id, is_writing=True)

    async def stop(self, conversation_id: str) -> bool:
        """End a reply with what it has; ``False`` when none is being written."""
        turn = self._turns.get(conversation_id)
        if turn is None:
            return False
        turn.is_stopped = True
        await self._end(turn)
        return True

    async def close(self) -> None:
        """End all of them; what they have is kept, and can be gone on with."""
        await asyncio.gather(*(self._end(turn) for turn in list(self._turns.values())))

    @staticmethod
    async def _end(turn: Turn) -> None:
        assert turn.task is not None
        if not turn.is_ending:
            turn.is_ending = True
            # One that has not begun would be ended without a word.
            await asyncio.sleep(0)
            turn.task.cancel()
        await asyncio.wait([turn.task])

    # -- the task --------------------------------------------------------------------------------

    async def _work(self, turn: Turn, identity: Identity, conversation: Conversation) -> None:
        try:
            await self._write(turn, identity, conversation)
        except asyncio.CancelledError:
            await self._cut(turn, identity)
        except StudioError as error:
            # The row cannot be stored: it says ``writing`` until the next look at it mends it.
            log.warning("a reply could not be kept: %s", error.message)
            turn.change(self._now(turn.message, status=records.FAILED, error=_told(error)))
        finally:
            if self._turns.get(turn.conversation_id) is turn:
                del self._turns[turn.conversation_id]
            turn.end()
            self._news.changed(turn.user_id, turn.conversation_id)

    async def _write(self, turn: Turn, identity: Identity, conversation: Conversation) -> None:
        try:
            while await self._step(turn, identity, conversation.manner):
                pass
        except StudioError as error:
            turn.change(self._now(turn.message, status=records.FAILED, error=_told(error)))
            await self._messages.keep(turn.message)
            return
        if turn.message.status == records.DONE and conversation.titled_by == "words":
            await self._find_title(turn, conversation)

    async def _cut(self, turn: Turn, identity: Identity) -> None:
        """Somebody stopped it, or Studio ends."""
        message = turn.message
        if message.status != records.WRITING:
            return
        calls = message.calls
        if turn.is_stopped:
            calls = await self._calls.stop(identity, message)
        status = records.STOPPED if turn.is_stopped else records.INTERRUPTED
        turn.change(self._now(message, status=status, calls=calls))
        with contextlib.suppress(StudioError):
            await self._messages.keep(turn.message)

    async def _step(self, turn: Turn, identity: Identity, manner: Manner) -> bool:
        """One answer of the model, and the tools that it asks for; whether it goes on then."""
        if not self._is_live(identity):
            raise Unauthorized("Whoever asked this is not logged in any more.")
        if not turn.message.calls:
            await self._generate(turn, identity, manner)
        if not turn.message.calls:
            turn.change(self._now(turn.message, status=records.DONE))
            await self._messages.keep(turn.message)
            return False
        before = await self._messages.branch(turn.message.parent)
        if await self._calls.run(turn, identity, before):
            turn.change(self._now(turn.message, status=records.ASKING))
            await self._messages.keep(turn.message)
            return False
        done = self._now(turn.message, status=records.DONE)
        following = reply_to(done, done.model, self._clock.now_ms())

        async def go_on() -> None:
            # Both at once: nobody may take a reply that goes on for one that is over.
            await self._messages.follow(done, following)
            turn.change(done)
            turn.go_on(following)

        await to_its_end(go_on())
        return True

    async def _generate(self, turn: Turn, identity: Identity, manner: Manner) -> None:
        model = await self.model(turn.message.model, manner.model)
        with_tools = manner.tools
        try:
            await self._stream(turn, identity, manner, model, with_tools=with_tools)
        except InvalidRequest:
            # Servers without a template for tools refuse them; those that never saw any do not.
            if not with_tools or turn.message.text:
                raise
            await self._stream(turn, identity, manner, model, with_tools=False)

    async def _stream(
        self,
        turn: Turn,
        identity: Identity,
        manner: Manner,
        model: LanguageModel,
        *,
        with_tools: bool,
    ) -> None:
        request = await self._request(turn, identity, manner, model, with_tools=with_tools)
        turn.room = request.room
        turn.change(self._now(turn.message, model=model.id, dropped=request.dropped))
        body: dict[str, Any] = {
            "model": model.id,
            "messages": request.messages,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in (manner.options or {}).items() if name in _SENT},
        }
        if with_tools:
            body["tools"] = DEFINITIONS
        answer = Answer()
        chunks = self._language.stream("chat/completions", body, user_id=identity.user_id)
        async with self._keeping(turn), contextlib.aclosing(chunks):
            async for chunk in chunks:
                answer.add(chunk)
                turn.grow(replace(turn.message, text=answer.text, thoughts=answer.thoughts))
                if answer.is_too_long:
                    break
        calls = answer.calls() if with_tools else ()
        turn.change(self._now(turn.message, usage=answer.usage, calls=calls))
        await self._messages.keep(turn.message)

    @contextlib.asynccontextmanager
    async def _keeping(self, turn: Turn) -> AsyncIterator[None]:
        """Store what has come, now and then: also while a model thinks long about its next word."""

        async def keep() -> None:
            kept = turn.message
            while True:
                await asyncio.sleep(KEEP_EVERY_S)
                if turn.message is not kept:
                    kept = turn.message
                    with contextlib.suppress(StudioError):
                        await self._messages.keep(self._now(kept), durable=False)

        keeping = asyncio.create_task(keep(), name=f"keeping reply {turn.message.id}")
        try:
            yield
        finally:
            # Over before the whole is stored, or the last word could be an older one.
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _request(
        self,
        turn: Turn,
        identity: Identity,
        manner: Manner,
        model: LanguageModel,
        *,
        with_tools: bool,
    ) -> Request:
        async def picture(asset_id: str) -> str | None:
            return await self._pictures.url(identity, asset_id)

        return await assemble(
            manner,
            await self._messages.branch(turn.message.parent),
            context=model.context,
            reminder=REMINDER if with_tools else "",
            picture=picture if model.vision else None,
            tools=DEFINITIONS if with_tools else (),
        )

    async def _find_title(self, turn: Turn, conversation: Conversation) -> None:
        """Ask the model for a title; without an answer the first words stay."""
        branch = await self._messages.branch(turn.message.id)
        said = [{"role": each.role, "content": each.text[:2000]} for each in branch if each.text]
        body = {
            "model": turn.message.model,
            "messages": [*said[:1], *said[-1:], {"role": "user", "content": _TITLE}],
            "max_tokens": _TITLE_TOKENS,
        }
        try:
            answer = await self._language.ask("chat/completions", body, user_id=turn.user_id)
        except StudioError as error:
            log.info("no title was found: %s", error.message)
            return
        if title := title_of(answer):
            await self._chats.name(conversation.id, title)
            turn.name(title)

    def _now(self, message: Message, **changes: Any) -> Message:
        return replace(message, **changes, updated_at=self._clock.now_ms())


def reply_to(parent: Message, model: str, now_ms: int) -> Message:
    """An empty reply below a message."""
    return Message(
        id=new_id(),
        conversation_id=parent.conversation_id,
        parent=parent.id,
        role="assistant",
        text="",
        status=records.WRITING,
        created_at=now_ms,
        updated_at=now_ms,
        model=model,
    )


def _told(error: StudioError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message}
