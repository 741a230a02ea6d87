"""Codes, when the world guesses: whoever has one comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from studio.services.telegram_people import GUESSES, GUESSES_OF_ALL, TelegramPeople
from studio.store.telegram import TelegramStore
from studio.store.telegram_chats import Heard, TelegramChats
from studio.telegram_records import Effects, Incoming
from tests.fakes.asset_app import ANN, open_library

Attempt = Callable[[int, str], Awaitable[bool]]


@pytest.fixture
def recorded() -> list[str]:
    return []


@pytest.fixture
async def people(tmp_path: Path, recorded: list[str]) -> AsyncIterator[TelegramPeople]:
    def record(_: str | None, kind: str, *__: object) -> None:
        recorded.append(kind)

    async with open_library(tmp_path) as library:
        yield TelegramPeople(
            people=TelegramStore(library.db),
            chats=TelegramChats(library.db),
            clock=library.clock,
            record=record,
        )


@pytest.fixture
def attempt(people: TelegramPeople) -> Attempt:
    """Try a code in a chat; whether that is paired then."""
    updates = count(1)

    async def attempt(chat_id: int, code: str) -> bool:
        incoming = Incoming(next(updates), chat_id, "Somebody", None, "en", 1)
        heard = Heard(1, incoming.update_id, chat_id)
        nothing = Effects()
        await people.pair(heard, incoming, code, paired=nothing, wrong=nothing, too_many=nothing)
        return await people.person(chat_id) is not None

    return attempt


async def test_strangers_that_guess_keep_nobody_out_and_what_is_recorded_is_true(
    people: TelegramPeople, attempt: Attempt, recorded: list[str]
) -> None:
    for number in range(GUESSES_OF_ALL + 5):
        assert not await attempt(1_000 + number, "AAAA-AAAA")
    assert recorded == []
    assert await attempt(77, (await people.make_code(ANN)).code)
    assert recorded == ["telegram.paired"]


async def test_a_chat_that_guessed_too_often_is_locked_though_the_world_did_so_before(
    people: TelegramPeople, attempt: Attempt
) -> None:
    for number in range(GUESSES_OF_ALL):
        assert not await attempt(1_000 + number, "AAAA-AAAA")
    code = (await people.make_code(ANN)).code
    for _ in range(GUESSES):
        assert not await attempt(77, "AAAA-AAAA")
    assert not await attempt(77, code)
    assert await attempt(78, code)
