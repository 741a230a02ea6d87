"""What was heard and has no effect yet: order, repetition, failures and what is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from studio.clock import Clock, FrozenClock
from studio.errors import StorageUnavailable
from studio.services import telegram_heard
from studio.services.telegram_heard import HeardChats
from studio.telegram_errors import TelegramUnavailable
from studio.telegram_records import Incoming

SLOW, QUICK = 1, 2
BOT = 5


def said(update_id: int, chat_id: int) -> Incoming:
    """Something of a chat's."""
    return Incoming(update_id, chat_id, "Anna", None, "en", update_id, text=str(update_id))


@dataclass
class Effects:
    """What had its effect, in order; the slow chat's is held until its gate opens."""

    had: list[int] = field(default_factory=list)
    begun: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: list[Exception] = field(default_factory=list)

    async def handle(self, _: int, heard: Sequence[Incoming]) -> None:
        self.begun += 1
        if heard[0].chat_id == SLOW:
            await self.gate.wait()
        if self.fails:
            raise self.fails.pop(0)
        self.had += [each.update_id for each in heard if each.update_id not in self.had]


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
async def chats(effects: Effects) -> AsyncIterator[HeardChats]:
    opened = HeardChats(effects.handle, Clock())
    yield opened
    await opened.drop()


async def had(effects: Effects, *ids: int) -> None:
    """Once these had their effect, and no others."""
    for _ in range(1_500):
        if effects.had == list(ids):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(effects.had)


async def settled(chats: HeardChats) -> int | None:
    """Once nothing is under way."""
    return await chats.settle(30)


async def test_a_chat_that_takes_long_holds_up_nobody_and_nothing_behind_it_is_confirmed(
    chats: HeardChats, effects: Effects
) -> None:
    chats.hear(BOT, [said(8, QUICK), said(7, SLOW)])
    await had(effects, 8)
    assert await chats.settle(0) == 7
    chats.hear(BOT, [said(7, SLOW), said(8, QUICK), said(9, SLOW), said(10, QUICK)])
    await had(effects, 8, 10)
    assert await chats.settle(0) == 7
    effects.gate.set()
    assert await settled(chats) is None
    assert effects.had == [8, 10, 7, 9]


async def test_what_telegram_repeats_meanwhile_is_not_begun_again(
    chats: HeardChats, effects: Effects
) -> None:
    for _ in range(3):
        chats.hear(BOT, [said(7, SLOW)])
        assert await chats.settle(0.05) == 7
    assert effects.begun == 1


async def test_a_chat_that_ends_by_a_failure_is_told_of_before_anything_is_confirmed(
    chats: HeardChats, effects: Effects
) -> None:
    effects.fails = [StorageUnavailable("The disk is full.")]
    chats.hear(BOT, [said(7, QUICK), said(8, QUICK)])
    with pytest.raises(StorageUnavailable):
        await settled(chats)
    assert effects.had == []
    chats.hear(BOT, [said(7, QUICK), said(8, QUICK)])
    assert await settled(chats) is None
    assert effects.had == [7, 8]


async def test_a_file_that_telegram_does_not_give_is_tried_again_by_its_chat_alone(
    chats: HeardChats, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_heard, "PATIENCE_S", (0.01,))
    effects.fails = [TelegramUnavailable("No answer."), TelegramUnavailable("No answer.")]
    chats.hear(BOT, [said(7, QUICK)])
    assert await settled(chats) is None
    assert effects.had == [7]
    assert effects.begun == 3


async def test_what_fails_for_a_day_is_given_up_as_telegram_itself_does(
    effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_heard, "PATIENCE_S", (0.01,))
    effects.fails = [TelegramUnavailable("No answer.") for _ in range(1_000_000)]
    clock = FrozenClock(0)
    chats = HeardChats(effects.handle, clock)
    chats.hear(BOT, [said(7, QUICK)])
    clock.advance(86_399)
    assert await chats.settle(0.1) == 7
    clock.advance(2)
    assert await settled(chats) is None
    assert effects.had == []


async def test_what_is_dropped_can_be_heard_again(chats: HeardChats, effects: Effects) -> None:
    chats.hear(BOT, [said(7, SLOW), said(8, QUICK)])
    await chats.drop()
    assert await settled(chats) is None
    assert effects.had == []
    effects.gate.set()
    chats.hear(BOT, [said(7, SLOW), said(8, QUICK)])
    assert await settled(chats) is None
    assert sorted(effects.had) == [7, 8]
