"""The Telegram bot, built in order: its line, whom it knows, what it does, its page's routes."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.bot.answering import Answering
from studio.bot.bot import COMMANDS, Bot
from studio.bot.chatting import Chatting
from studio.bot.doors import Doors
from studio.bot.house import House
from studio.bot.menus import Menus
from studio.bot.notices import Notices
from studio.bot.orders import Means, Orders
from studio.bot.outbox import Link, Outbox
from studio.bot.progress import Progress
from studio.bot.questions import Questions
from studio.bot.quiet import Quiet
from studio.bot.uploads import Uploads
from studio.bot.words import WORDS, say
from studio.chat import Chat
from studio.household import Household
from studio.services.assets import AssetService
from studio.services.disk import DiskService
from studio.services.health import HealthService
from studio.services.jobs import JobService
from studio.services.language import Language
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople
from studio.store.telegram import TelegramStore
from studio.store.telegram_chats import TelegramChats
from studio.store.telegram_notices import TelegramNotices
from studio.store.telegram_outbox import TelegramOutbox
from studio.store.telegram_replies import TelegramReplies
from studio.web.telegram_api import telegram_routes
from studio.workshop import Workshop

SETTING: Final = "TELEGRAM_BOT_TOKEN"
POLL_S: Final = 25
"""How long Telegram may keep a question open; shorter than what routers forget connections after.
"""


@dataclass(frozen=True, slots=True)
class Telegram:
    """The bot and what it works with."""

    bot: Bot
    link: TelegramLink
    people: TelegramPeople
    outbox: Outbox
    progress: Progress
    notices: Notices
    answering: Answering
    router: APIRouter

    def routes(self) -> Sequence[APIRouter]:
        """Its page in the settings."""
        return [self.router]

    def background(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        """Hearing, saying, and watching over what runs."""
        return [
            ("telegram", self.link.run(self.bot.handle)),
            ("telegram messages", self.outbox.run()),
            ("telegram progress", self.progress.run()),
            ("telegram notices", self.notices.run()),
            ("telegram chat", self.answering.run()),
        ]

    async def close(self) -> None:
        """Let go of the connections."""
        await self.link.close()


def open_telegram(
    house: Household,
    workshop: Workshop,
    accounts: Accounts,
    *,
    language: Language,
    chat: Chat,
    jobs: JobService,
    queue: JobQueue,
    control: QueueControl,
    health: HealthService,
    disk: DiskService,
    assets: AssetService,
    address: Link,
) -> Telegram:
    """The bot over an opened database.

    Args:
        chat: the conversations that are held in Telegram too.
        address: a signed address of a file, for those that are too large for Telegram.
    """
    settings, clock, secret = house.settings, house.clock, house.settings_service.secret
    chats = TelegramChats(house.db)
    people = TelegramPeople(
        people=TelegramStore(house.db), chats=chats, clock=clock, record=house.activity.record
    )
    link = TelegramLink(
        token=lambda: secret(SETTING),
        base_url=settings.hub_urls[SETTING],
        poll_s=POLL_S,
        commands=_commands(),
        chats=chats,
        clock=clock,
    )
    presets, library = workshop.presets.presets, workshop.library
    outbox = Outbox(
        people=people,
        rows=TelegramOutbox(house.db),
        assets=assets,
        link=link,
        clock=clock,
        address=address,
    )
    quiet = Quiet(clock)
    progress = Progress(
        people=people, chats=chats, jobs=jobs, link=link, clock=clock, quiet=quiet, wake=outbox.wake
    )
    menus = Menus(presets=presets, library=library)
    orders = Orders(
        means=Means(presets, library, workshop.presets.batches, jobs),
        menus=menus,
        chats=chats,
        clock=clock,
        tell=progress.begin,
    )
    replies, uploads = TelegramReplies(house.db), Uploads(assets=assets, link=link)
    answering = Answering(
        chats=chat.chats,
        writing=chat.replies,
        assets=assets,
        people=people,
        replies=replies,
        link=link,
        clock=clock,
        quiet=quiet,
        wake=outbox.wake,
    )
    bot = Bot(
        people=people,
        chats=chats,
        link=link,
        menus=menus,
        questions=Questions(
            presets=presets,
            library=library,
            assets=assets,
            uploads=uploads,
            orders=orders,
        ),
        orders=orders,
        house=House(
            people=people,
            presets=presets,
            progress=progress,
            queue=queue,
            control=control,
            health=health,
        ),
        chatting=Chatting(chats=chat.chats, replies=replies, uploads=uploads, language=language),
        answering=answering,
        doors=Doors(people=accounts.people, link=link, base=settings.public_url),
        clock=clock,
        wake=outbox.wake,
    )
    router = telegram_routes(
        people=people,
        link=link,
        presets=presets,
        test_words=lambda language: say(language, "test"),
    )
    notices = Notices(
        people=people,
        notices=TelegramNotices(house.db),
        chats=chats,
        disks=disk.volumes,
        clock=clock,
        wake=outbox.wake,
    )
    return Telegram(bot, link, people, outbox, progress, notices, answering, router)


def _commands() -> dict[str, dict[str, str]]:
    """The bot's menu, by language; English for all others."""
    return {
        "" if language == "en" else language: {
            command: words[f"command_{command}"] for command in COMMANDS
        }
        for language, words in WORDS.items()
    }
