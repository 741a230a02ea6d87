"""Files that people send: a few are fetched at once, and nobody else waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.bot.uploads import FETCHES
from tests.api.telegram_chat import Bot, bot_in, picture
from tests.faults.test_telegram import chosen, kill_studio, wait_for


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    with bot_in(tmp_path) as running:
        yield running


def test_only_a_few_files_are_fetched_at_once(tmp_path: Path) -> None:
    with bot_in(tmp_path) as bot:
        phones = [bot.paired() for _ in range(FETCHES + 3)]
        takes_none = bot.save(name="Takes no picture", values={"prompt": "a fox"})
        for phone in phones:
            bot.make_default(phone, takes_none)
        bot.telegram.file_takes_s = 0.5
        bot.telegram.hold = True
        for phone in phones:
            phone.photo(picture())
        bot.telegram.hold = False
        wait_for(lambda: len(bot.telegram.fetched) == len(phones))
        wait_for(lambda: bot.telegram.fetching == 0)
        assert bot.telegram.most_fetching == FETCHES


def test_a_file_that_takes_long_holds_only_its_own_chat_up(bot: Bot) -> None:
    slow, other = bot.paired(), bot.paired()
    bot.make_default(slow, bot.save(name="Takes none", values={"prompt": "a fox"}))
    bot.telegram.file_takes_s = 3_600
    slow.photo(picture())
    wait_for(lambda: bot.telegram.fetching == 1)
    slow.say("/queue")
    other.say("/status")
    other.hears("Nothing of yours is running")
    other.say("/queue")
    other.hears("0 running, 0 waiting")
    assert not any("waiting" in text for text in slow.texts()), "its order was not kept"


def test_a_studio_that_dies_while_a_file_is_fetched_hears_all_of_it_again_once(bot: Bot) -> None:
    slow, other = bot.paired(), bot.paired()
    bot.save_changer("Changes", "winter")
    chosen(slow, "Changes")
    slow.hears("Send me a picture")
    bot.telegram.file_takes_s = 3_600
    fetched = len(bot.telegram.fetched)
    slow.photo(picture())
    wait_for(lambda: len(bot.telegram.fetched) > fetched)
    # It came behind the file, and has its effect before it.
    other.say("/queue")
    other.hears("0 running, 0 waiting")
    # That it was sent is stored by the time that the next message comes.
    other.say("/status")
    other.hears("Nothing of yours is running")
    bot.telegram.file_takes_s = 0
    kill_studio(bot)
    slow.press(slow.hears("Times: 1"), "Run")
    slow.gets("photo")
    other.say("/presets")
    other.hears("What shall it be?")
    assert sum("0 running" in text for text in other.texts()) == 1
    assert slow.count("photo") == 1
