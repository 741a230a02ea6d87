"""Answers what is said to a language model: what is owed is a row until it was said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from studio.bot.answers import PIECE, ended_calls, question_of, text_of, told_of
from studio.bot.chatting import answer_to, stop_button
from studio.bot.lanes import Lanes
from studio.bot.progress import parcels
from studio.bot.quiet import Quiet
from studio.bot.words import say, why
from studio.chat_errors import ReplyRunning, TooManyReplies
from studio.clock import Clock
from studio.errors import NotFound, StorageUnavailable, StudioError
from studio.models import Asset, Identity
from studio.services.assets import AssetService
from studio.services.chat_replies import ChatReplies
from studio.services.chat_turns import Turn
from studio.services.chats import ChatService
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople, identity_of
from studio.store import chat_records as records
from studio.store.chat_records import Message
from studio.store.telegram_chats import KEPT_MS
from studio.store.telegram_replies import Reply, TelegramReplies
from studio.telegram_errors import (
    TelegramBusy,
    TelegramChatClosed,
    TelegramRefused,
    TelegramUnavailable,
)
from studio.telegram_records import Button, Outgoing, Person

log = logging.getLogger(__name__)

EDIT_S: Final = 3.0
ALBUM_S: Final = 1.5
"""Within it of each other come pictures that were sent as one, once nothing is left to fetch."""
ASKED_S: Final = 10.0
"""How often it is looked whether somebody answered on the page what a model asked."""
_SYSTEM: Final = (
    "You are a helpful assistant in a Telegram chat. Answer in plain text without Markdown, "
    "briefly."
)


class Answering:
    """Has answers written by the service of conversations, and shows them as they come.

    Args:
        wake: there may be something to send.
    """

    def __init__(
        self,
        *,
        chats: ChatService,
        writing: ChatReplies,
        assets: AssetService,
        people: TelegramPeople,
        replies: TelegramReplies,
        link: TelegramLink,
        clock: Clock,
        quiet: Quiet,
        wake: Callable[[], None],
    ) -> None:
        self._chats = chats
        self._writing = writing
        self._assets = assets
        self._people = people
        self._replies = replies
        self._link = link
        self._clock = clock
        self._quiet = quiet
        self._wake = wake
        self._begun = asyncio.Event()
        self._hearing: Counter[int] = Counter()

    @contextlib.contextmanager
    def hearing(self, chat_id: int) -> Iterator[None]:
        """Until the block ends, more pictures of an album may come from that chat."""
        self._hearing[chat_id] += 1
        try:
            yield
        finally:
            self._hearing[chat_id] -= 1
            if not self._hearing[chat_id]:
                del self._hearing[chat_id]

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
                    owed = await self._replies.owed(self._clock.now_ms() - KEPT_MS)
                    asking = await self._replies.asking()
                except StudioError:
                    await asyncio.sleep(EDIT_S)
                    self._begun.set()
                    continue
                for reply in owed:
                    if reply.chat_id not in busy and lanes.has_room:
                        lanes.start(reply.chat_id, self._work(reply))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ASKED_S if asking else None):
                        await self._begun.wait()
                        continue
                for reply in asking:
                    await self._look(reply)
        finally:
            await lanes.close()

    async def _look(self, reply: Reply) -> None:
        """Go on with an answer whose question was answered on the page."""
        with contextlib.suppress(StudioError):
            person = await self._person(reply)
            answer = [] if person is None else await self._answered(identity_of(person), reply)
            if not answer or answer[-1].status != records.ASKING:
                await self._replies.go_on(reply.id)
                self.begin()

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
        await self._finish(reply, [Outgoing(text=text, follows=reply.id)])

    async def _finish(self, reply: Reply, messages: Sequence[Outgoing]) -> None:
        await self._replies.finish(reply, messages, self._clock.now_ms())
        self._wake()

    async def _answer(self, first: Reply) -> None:
        if first.album is not None:
            await self._whole(first)
        await self._replies.begin(first.id)
        # Until nothing is left to be done about it; each turn looks at it anew.
        while (reply := await self._replies.get(first.id)) is not None:
            person = await self._person(reply)
            if person is None:
                await self._finish(reply, [])
                return
            try:
                if await self._step(reply, person):
                    return
            except (ReplyRunning, TooManyReplies):
                # Somebody talks to it on the page.
                await asyncio.sleep(EDIT_S)
            except StorageUnavailable:
                raise
            except StudioError as error:
                reason = why(person.language, error.code, error.message)
                text = say(person.language, "failed", reason=reason)
                await self._finish(reply, [Outgoing(text=text, follows=reply.id)])
                return

    async def _whole(self, reply: Reply) -> None:
        """Wait until no more pictures of its album come."""
        came, now = -1, reply
        while len(now.files) > came or self._hearing[reply.chat_id]:
            came = len(now.files)
            await asyncio.sleep(ALBUM_S)
            found = await self._replies.get(reply.id)
            if found is None or found.is_stopped:
                return
            now = found

    async def _person(self, reply: Reply) -> Person | None:
        """Who is to be answered, while the chat is theirs."""
        person = await self._people.person(reply.chat_id)
        return person if person is not None and person.user_id == reply.user_id else None

    async def _step(self, reply: Reply, person: Person) -> bool:
        """The next thing to be done about an answer; whether it was the last."""
        identity, language = identity_of(person), person.language
        if reply.conversation_id is None or reply.said is None:
            await self._give_up(reply)
            return True
        answer = await self._answered(identity, reply)
        if not answer and reply.is_stopped:
            stopped = say(language, "cancelled_dialogue")
            await self._finish(reply, [Outgoing(text=stopped, follows=reply.id)])
            return True
        if not answer:
            await self._say(identity, reply)
            return False
        await self._show_files(reply, identity, answer)
        end = answer[-1]
        if end.status == records.WRITING:
            turn = self._writing.turn(reply.conversation_id)
            if turn is not None:
                await self._watch(reply, turn, answer, language)
            return False
        if reply.is_stopped:
            # A question that nobody will answer, or one that Studio was killed in the midst of.
            await self._finish(reply, told_of(answer, reply, language))
            return True
        if end.status == records.INTERRUPTED:
            await self._chats.go_on(identity, reply.conversation_id, end.id)
            return False
        if end.status == records.ASKING:
            await self._ask(reply, answer, language)
            return True
        await self._finish(reply, told_of(answer, reply, language))
        return True

    async def _answered(self, identity: Identity, reply: Reply) -> list[Message]:
        """What there is of the answer; nothing when it was not asked for yet."""
        if reply.conversation_id is None:
            return []
        try:
            view = await self._chats.get(identity, reply.conversation_id)
        except NotFound:
            return []
        return answer_to(view.messages, reply.said)

    async def _say(self, identity: Identity, reply: Reply) -> None:
        """Say it in its conversation, which begins by that if it has not begun."""
        assert reply.conversation_id is not None
        body = {"text": reply.text, "files": list(reply.files)}
        try:
            await self._chats.get(identity, reply.conversation_id)
        except NotFound:
            await self._chats.create(
                identity, {"system": _SYSTEM}, conversation_id=reply.conversation_id
            )
        await self._chats.send(identity, reply.conversation_id, body, message_id=reply.said)

    async def _watch(
        self, reply: Reply, turn: Turn, answer: Sequence[Message], language: str
    ) -> None:
        """Show an answer while it grows, until there is more to do than that."""
        before = ended_calls(answer), len(turn.messages)
        shown, after_s = "", self._clock.monotonic_s() + EDIT_S
        with turn.read() as changed:
            while True:
                changed.clear()
                now = [*answer[: len(answer) - before[1]], *turn.messages]
                if turn.message.status != records.WRITING or turn.is_over:
                    return
                if (ended_calls(now), len(turn.messages)) != before:
                    return
                if self._clock.monotonic_s() >= after_s:
                    text = f"{text_of(now, language)[:PIECE]} …".strip()
                    after_s = self._clock.monotonic_s() + EDIT_S
                    if text != shown and not self._quiet.is_kept(reply.chat_id):
                        shown = text
                        await self._show(reply, text, language)
                    if await self._person(reply) is None:
                        await self._writing.stop(turn.conversation_id)
                        return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.05, after_s - self._clock.monotonic_s())):
                        await changed.wait()

    async def _show(self, reply: Reply, text: str, language: str) -> None:
        current = await self._replies.get(reply.id)
        if current is None or current.message_id is None:
            return
        stop = stop_button(say(language, "chat_stop"), reply.id)
        try:
            await self._link.client().edit(reply.chat_id, current.message_id, text, stop)
        except TelegramBusy as error:
            self._quiet.keep(reply.chat_id, error)
        except (TelegramUnavailable, TelegramRefused, TelegramChatClosed):
            # The whole answer is said in the end.
            return

    async def _show_files(
        self, reply: Reply, identity: Identity, answer: Sequence[Message]
    ) -> None:
        """Send what the presets have made that the model ran."""
        made = [call for each in answer for call in each.calls if call.assets]
        messages: list[Outgoing] = []
        for call in made[reply.shown :]:
            found: list[Asset] = []
            for asset_id in call.assets:
                with contextlib.suppress(NotFound):
                    found.append(await self._assets.get(identity, asset_id))
            messages += [
                Outgoing(
                    text=call.title,
                    asset_ids=tuple(asset.id for asset in parcel),
                    user_id=reply.user_id,
                )
                for parcel in parcels(found)
            ]
        if len(made) > reply.shown:
            await self._replies.show(reply, len(made), messages, self._clock.now_ms())
            self._wake()

    async def _ask(self, reply: Reply, answer: Sequence[Message], language: str) -> None:
        """Have a person say whether a preset may run that takes long."""
        call = next(each for each in answer[-1].calls if each.state == records.ASKING)
        place = f"{reply.id}:{len(answer) - 1}.{call.number}"
        buttons = (
            (
                Button(say(language, "yes"), f"Y:{place}"),
                Button(say(language, "no"), f"W:{place}"),
            ),
        )
        text = f"{text_of(answer, language)}\n\n{question_of(call, language)}".strip()[-PIECE:]
        question = Outgoing(text=text, buttons=buttons, follows=reply.id, run_id=reply.id)
        await self._replies.ask(reply, question, self._clock.now_ms())
        self._wake()
