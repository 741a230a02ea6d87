"""Files that many people send at once: a few are fetched, so that memory has room for them."""

from __future__ import annotations

from pathlib import Path

from studio.bot.uploads import FETCHES
from tests.api.telegram_chat import bot_in, picture
from tests.faults.test_telegram import wait_for


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
