"""An outbox that runs, its rows, and the Telegram that it speaks to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.bot.notices import Notices
from studio.bot.outbox import Outbox
from studio.models import unrecorded
from studio.services.telegram_link import TelegramLink
from studio.services.telegram_people import TelegramPeople
from studio.settings import Secret
from studio.store.telegram import TelegramStore
from studio.store.telegram_chats import Heard, TelegramChats
from studio.store.telegram_notices import TelegramNotices
from studio.store.telegram_outbox import TelegramOutbox
from studio.telegram_records import Effects, Incoming, Outgoing
from tests.fakes.asset_app import ANN, Library
from tests.fakes.telegram import TOKEN, Telegram, running_telegram

CHAT = 77
Disks = Callable[[], Awaitable[Sequence[dict[str, Any]]]]


async def no_disks() -> list[dict[str, Any]]:
    """Disks that have room."""
    return []


@dataclass
class Line:
    """What is said, where it is kept, and what its Telegram got."""

    telegram: Telegram
    chats: TelegramChats
    library: Library
    outbox: Outbox
    people: TelegramPeople
    updates: int = 0

    async def post(self, *messages: Outgoing, chat_id: int = CHAT) -> None:
        self.updates += 1
        heard = Heard(1, self.updates, chat_id)
        await self.chats.commit(heard, Effects(list(messages)), self.library.clock.now_ms())
        self.outbox.wake()

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(1_500):
            if holds():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("that never came to be")

    async def rows(self) -> list[tuple[str | None, str | None]]:
        """What each message in the outbox met, and its words."""
        return await self.library.db.read(
            lambda connection: [
                (row[0], row[1])
                for row in connection.execute(
                    "SELECT trouble, json_extract(body, '$.text') FROM telegram_outbox "
                    "WHERE ended_at IS NOT NULL ORDER BY seq"
                )
            ]
        )

    async def until_rows(self, *wanted: tuple[str | None, str | None]) -> None:
        found: list[tuple[str | None, str | None]] = []
        for _ in range(1_500):
            found = await self.rows()
            if found == list(wanted):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"that never came to be: {found}")

    async def until_attempts(self, wanted: int) -> None:
        """Until so many failed attempts to send a message are stored."""
        for _ in range(1_500):
            found = await self.library.db.read(
                lambda connection: connection.execute(
                    "SELECT max(attempts) FROM telegram_outbox"
                ).fetchone()[0]
            )
            if found == wanted:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"that never came to be: {found}")

    @contextlib.asynccontextmanager
    async def telling(self, disks: Disks = no_disks) -> AsyncIterator[None]:
        """What is told unasked is told until the block ends."""
        notices = Notices(
            people=self.people,
            notices=TelegramNotices(self.library.db),
            chats=self.chats,
            disks=disks,
            clock=self.library.clock,
            wake=self.outbox.wake,
        )
        task = asyncio.create_task(notices.run())
        try:
            yield
        finally:
            await ended(task)


@contextlib.asynccontextmanager
async def open_line(library: Library, token: str | None = TOKEN) -> AsyncIterator[Line]:
    """A chat of Ann's, until the block ends."""
    with running_telegram() as telegram:
        chats, clock = TelegramChats(library.db), library.clock
        people = TelegramPeople(
            people=TelegramStore(library.db), chats=chats, clock=clock, record=unrecorded
        )
        link = TelegramLink(
            token=lambda: None if token is None else Secret(token),
            base_url=telegram.url,
            poll_s=1,
            commands={},
            chats=chats,
            clock=clock,
        )
        outbox = Outbox(
            people=people,
            rows=TelegramOutbox(library.db),
            assets=library.service,
            link=link,
            clock=clock,
            address=lambda user_id, asset_id: f"https://studio.example/{user_id}/{asset_id}",
        )
        code = await people.make_code(ANN)
        incoming = Incoming(1, CHAT, "Ann", None, "en", 1)
        nothing = Effects()
        await people.pair(
            Heard(0, 0, CHAT), incoming, code.code, paired=nothing, wrong=nothing, too_many=nothing
        )

        async def ignore(*_: object) -> None:
            """Nobody says anything here."""

        tasks = [asyncio.create_task(link.run(ignore)), asyncio.create_task(outbox.run())]
        yield Line(telegram, chats, library, outbox, people)
        for task in tasks:
            await ended(task)
        await link.close()


async def ended(task: asyncio.Task[None]) -> None:
    """End a task, and wait for that."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
