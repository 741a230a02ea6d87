"""Codes, when the world guesses: whoever has one comes in."""

from __future__ import annotations

from pathlib import Path

from studio.services.telegram_people import GUESSES_OF_ALL, TelegramPeople
from studio.store.telegram import TelegramStore
from studio.store.telegram_chats import Heard, TelegramChats
from studio.telegram_records import Effects, Incoming
from tests.fakes.asset_app import ANN, open_library


async def test_strangers_that_guess_keep_nobody_out_and_what_is_recorded_is_true(
    tmp_path: Path,
) -> None:
    recorded: list[str] = []

    def record(_: str | None, kind: str, *__: object) -> None:
        recorded.append(kind)

    async with open_library(tmp_path) as library:
        people = TelegramPeople(
            people=TelegramStore(library.db),
            chats=TelegramChats(library.db),
            clock=library.clock,
            record=record,
        )

        async def attempt(chat_id: int, code: str) -> bool:
            incoming = Incoming(chat_id, chat_id, "Somebody", None, "en", 1)
            heard = Heard(1, chat_id, chat_id)
            nothing = Effects()
            await people.pair(
                heard, incoming, code, paired=nothing, wrong=nothing, too_many=nothing
            )
            return await people.person(chat_id) is not None

        for number in range(GUESSES_OF_ALL + 5):
            assert not await attempt(1_000 + number, "AAAA-AAAA")
        assert recorded == []
        assert await attempt(77, (await people.make_code(ANN)).code)
        assert recorded == ["telegram.paired"]
