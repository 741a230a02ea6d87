"""What the bot's line and its rows stand: faults that nobody foresaw, words of a newer Studio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio.bot.talk import Dialogue
from studio.clients.telegram import TelegramClient
from studio.services.telegram_link import TelegramLink
from studio.settings import Secret
from studio.store.telegram_chats import TelegramChats
from studio.telegram_errors import TelegramRefused
from studio.telegram_records import File, Incoming
from tests.fakes.asset_app import open_library
from tests.fakes.telegram import TOKEN, running_telegram


async def test_what_nobody_foresaw_is_not_the_last_that_is_heard(tmp_path: Path) -> None:
    heard: list[str] = []

    async def handle(_: int, updates: Sequence[Incoming]) -> None:
        heard.extend(each.text for each in updates)
        if len(heard) == 1:
            raise RuntimeError("nobody thought of that")

    async with open_library(tmp_path) as library:
        with running_telegram() as telegram:
            link = TelegramLink(
                token=lambda: Secret(TOKEN),
                base_url=telegram.url,
                poll_s=1,
                commands={},
                chats=TelegramChats(library.db),
                clock=library.clock,
            )
            task = asyncio.create_task(link.run(handle))
            telegram.say(77, "hello")
            for _ in range(1_500):
                if len(heard) == 2 or task.done():
                    break
                await asyncio.sleep(0.02)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await link.close()
    assert heard == ["hello", "hello"]


def test_a_dialogue_leaves_out_what_a_newer_studio_wrote() -> None:
    dialogue = Dialogue(key="abc", preset_id="p", seed=7)
    assert Dialogue.from_data({**dialogue.as_data(), "of_tomorrow": 1}) == dialogue
    assert Dialogue.from_data({"of_tomorrow": 1}) is None
    assert Dialogue.from_data(None) is None


async def test_a_file_that_is_larger_than_was_said_is_not_fetched() -> None:
    with running_telegram() as telegram:
        telegram.generous = True
        telegram.files["large"], telegram.files["small"] = bytes(20_000_001), b"small"
        client = TelegramClient(TOKEN, telegram.url, 1)
        await client.open({})
        with pytest.raises(TelegramRefused):
            await client.fetch(File("large", "document", "large.bin"))
        pieces = [piece async for piece in await client.fetch(File("small", "document", "small"))]
        await client.close()
    assert pieces == [b"small"]
    assert telegram.fetched == ["small"]
