"""What the bot does with what it hears: each update once, those of a chat in their order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from studio.bot.answering import Answering
from studio.bot.chatting import Chatting
from studio.bot.doors import Doors
from studio.bot.house import House
from studio.bot.menus import Menus
from studio.bot.orders import Orders
from studio.bot.questions import Questions
from studio.bot.talk import Dialogue, Talk
from studio.bot.words import say
from studio.clock import Clock
from studio.errors import NotFound, StorageUnavailable, StudioError
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople, is_code, language_of
from studio.store.telegram_chats import Heard, TelegramChats
from studio.telegram_errors import TelegramUnavailable
from studio.telegram_records import Effects, Incoming, Outgoing

log = logging.getLogger(__name__)

COMMANDS = ("presets", "default", "chat", "status", "queue", "cancel", "settings", "login", "help")
_OF_DIALOGUE = frozenset("oefcsnr")


class Bot:
    """Everything that is said to the bot comes here.

    Args:
        wake: there may be something to send.
    """

    def __init__(
        self,
        *,
        people: TelegramPeople,
        chats: TelegramChats,
        link: TelegramLink,
        menus: Menus,
        questions: Questions,
        orders: Orders,
        house: House,
        chatting: Chatting,
        answering: Answering,
        doors: Doors,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._people = people
        self._chats = chats
        self._link = link
        self._menus = menus
        self._questions = questions
        self._orders = orders
        self._house = house
        self._chatting = chatting
        self._answering = answering
        self._doors = doors
        self._clock = clock
        self._wake = wake

    async def handle(self, bot_id: int, heard: Sequence[Incoming]) -> None:
        """Have the effects of what one chat says, in its order.

        Raises:
            StudioError: the disk, or Telegram, cannot be used now; what is left comes again.
        """
        try:
            await self._chat(bot_id, heard)
        finally:
            self._wake()

    async def _chat(self, bot_id: int, heard: Sequence[Incoming]) -> None:
        with self._answering.hearing(heard[0].chat_id):
            for incoming in heard:
                place = Heard(bot_id, incoming.update_id, incoming.chat_id)
                if await self._chats.is_handled(place):
                    continue
                (end,) = await asyncio.gather(self._one(place, incoming), return_exceptions=True)
                if isinstance(end, Exception) and not isinstance(end, StudioError):
                    # It would come again and again, and nobody else would be heard.
                    log.error("an update to the bot is left out", exc_info=end)
                    await self._chats.commit(place, Effects(), self._clock.now_ms())
                elif isinstance(end, BaseException):
                    raise end

    async def _one(self, heard: Heard, incoming: Incoming) -> None:
        person = await self._people.person(incoming.chat_id)
        command, rest = _command(incoming.text)
        code = rest if command == "start" and rest else incoming.text
        if person is None and is_code(code):
            await self._pair(heard, incoming, code)
            return
        if person is None:
            text = say(language_of(incoming.language), "stranger")
            await self._people.brush_off(heard, Effects([Outgoing(text=text)]))
            return
        if person.blocked_at is not None:
            # Somebody who writes to the bot does not block it any more.
            person = await self._people.unblock(person)
        dialogue = Dialogue.from_data(await self._chats.dialogue(incoming.chat_id))
        talk = Talk(heard, incoming, person, dialogue)
        # Asked for apart, so that whatever it breaks, the next update is heard.
        (end,) = await asyncio.gather(self._effects(talk, command, rest), return_exceptions=True)
        if isinstance(end, TelegramUnavailable | StorageUnavailable):
            raise end
        if isinstance(end, StudioError):
            self._refuse(talk, talk.failed(end), end)
        elif isinstance(end, Exception):
            log.error("the bot could not handle an update", exc_info=end)
            self._refuse(talk, talk.word("broken"), end)
        elif isinstance(end, BaseException):
            raise end
        if not talk.stored:
            await self._store(talk)
        if talk.effects.reply is not None or talk.effects.goes_on is not None:
            self._answering.begin()
        if incoming.button_id is not None:
            # Nothing depends on it: it only ends the button's little clock.
            with contextlib.suppress(StudioError):
                await self._link.client().answer(incoming.button_id, talk.popup)

    async def _store(self, talk: Talk) -> None:
        try:
            await self._chats.commit(talk.heard, talk.effects, self._clock.now_ms())
        except (TypeError, ValueError, OverflowError) as error:
            # Something in it is no JSON, or no text: nothing of it is stored.
            log.error("what an update to the bot changes cannot be stored", exc_info=error)
            talk.effects = Effects([Outgoing(text=talk.word("broken"))])
            await self._chats.commit(talk.heard, talk.effects, self._clock.now_ms())

    def _refuse(self, talk: Talk, text: str, error: Exception) -> None:
        if isinstance(error, NotFound):
            talk.end()
        talk.effects.messages = [Outgoing(text=text)]

    async def _pair(self, heard: Heard, incoming: Incoming, code: str) -> None:
        language = language_of(incoming.language)
        welcome = f"{say(language, 'paired')}\n\n{say(language, 'help')}"
        await self._people.pair(
            heard,
            incoming,
            code,
            paired=Effects([Outgoing(text=welcome)], None),
            wrong=Effects([Outgoing(text=say(language, "wrong_code"))]),
            too_many=Effects([Outgoing(text=say(language, "too_many_codes"))]),
        )

    async def _effects(self, talk: Talk, command: str | None, rest: str) -> None:
        incoming = talk.incoming
        if incoming.button is not None:
            await self._button(talk, incoming.button)
        elif command is not None:
            await self._do(talk, command, rest)
        elif talk.dialogue is not None and talk.dialogue.conversation is not None:
            await self._chatting.message(talk, talk.dialogue.conversation)
        elif talk.dialogue is not None and talk.dialogue.preset_id:
            await self._questions.message(talk, talk.dialogue)
        elif incoming.text or incoming.files:
            await self._questions.prompt(talk)

    async def _do(self, talk: Talk, command: str, rest: str) -> None:
        if command == "start" and is_code(rest):
            # Whoever sent the link may want this chat for themselves: only its person ends it.
            talk.say(talk.word("paired_already", name=talk.person.user_name))
        elif command == "presets":
            await self._menus.all(talk, 0)
        elif command == "default":
            await self._menus.all(talk, 0, "d")
        elif command == "chat":
            await self._chatting.toggle(talk)
        elif command == "cancel":
            await self._stop(talk)
        elif command == "login":
            await self._doors.login(talk)
        elif command in ("start", "help"):
            talk.say(talk.word("help"))
        elif not await self._house.command(talk, command):
            talk.say(talk.word("unknown_command"))

    async def _stop(self, talk: Talk) -> None:
        """End what is asked, an answer or the conversation; when there is none, the newest run."""
        asks = talk.dialogue is not None and talk.dialogue.preset_id
        if not asks and await self._chatting.stop(talk):
            talk.say(talk.word("cancelling"))
            return
        if talk.dialogue is not None and talk.dialogue.waits:
            talk.end()
            talk.say(talk.word("cancelled_dialogue"))
            return
        runs = await self._chats.runs(chat_id=talk.heard.chat_id)
        if not runs:
            talk.say(talk.word("nothing_to_cancel"))
            return
        await self._orders.cancel(talk, runs[-1].id)
        talk.say(talk.word("cancelling"))

    async def _button(self, talk: Talk, data: str) -> None:
        kind, _, rest = data.partition(":")
        if kind in ("pp", "dp") and rest.isdecimal():
            await self._menus.all(talk, int(rest), kind[0])
        elif kind == "p":
            await self._questions.begin(talk, rest)
        elif kind == "d":
            await self._house.make_default(talk, rest)
        elif kind == "A" or kind == "N":
            await self._orders.again(talk, rest, new_seed=kind == "N")
        elif kind == "X":
            await self._orders.cancel(talk, rest)
        elif kind == "U":
            await self._orders.use(talk, rest)
        elif kind in ("u", "up"):
            await self._use(talk, kind, rest)
        elif kind in _OF_DIALOGUE or kind == "x":
            await self._answer(talk, kind, rest)
        elif not (
            await self._chatting.button(talk, kind, rest)
            or await self._house.button(talk, kind, rest)
        ):
            talk.popup = talk.word("over")

    async def _use(self, talk: Talk, kind: str, rest: str) -> None:
        """A preset, or another page of them, for a file that waits for one."""
        dialogue = talk.dialogue
        if dialogue is None or dialogue.preset_id or not dialogue.files:
            talk.popup = talk.word("over")
        elif kind == "u":
            await self._questions.begin(talk, rest, asset_id=dialogue.files[0])
        elif rest.isdecimal():
            content_type = (dialogue.asking or "").partition(":")[2]
            await self._orders.offer(talk, dialogue.files[0], content_type, int(rest))

    async def _answer(self, talk: Talk, kind: str, rest: str) -> None:
        key, _, rest = rest.partition(":")
        dialogue = talk.dialogue
        if dialogue is None or dialogue.key != key:
            talk.popup = talk.word("over")
        elif kind == "x":
            talk.end()
            talk.show(talk.word("cancelled_dialogue"))
        else:
            await self._questions.button(talk, dialogue, kind, rest)


def _command(text: str) -> tuple[str | None, str]:
    """``/start@name rest`` as ``start`` and ``rest``; anything else is no command."""
    if not text.startswith("/"):
        return None, ""
    first, _, rest = text[1:].partition(" ")
    return first.partition("@")[0].lower(), rest.strip()
