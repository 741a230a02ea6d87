"""The bot when Studio is killed at its two worst moments: no effect is lost, and none doubled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.presets import good
from tests.api.telegram_chat import Bot, bot_in
from tests.faults.test_telegram import kill_studio, wait_for


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


def test_a_studio_that_dies_before_it_confirms_an_update_has_its_effect_once(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Unconfirmed", values={"prompt": "a fox"}))
    phone.say("a fox")
    result = phone.gets("photo")

    def newest() -> list[str]:
        return [str(job["id"]) for job in good(bot.owner.get("/api/jobs"))["jobs"]]

    before = newest()
    # Its effect is committed, the confirmation comes after this answer, which never comes.
    bot.telegram.stuck.add(("answerCallbackQuery", 0))
    answered = len(bot.telegram.asked("answerCallbackQuery"))
    pressed = bot.telegram.press(result, "Again")
    wait_for(lambda: len(bot.telegram.asked("answerCallbackQuery")) > answered)
    asked = len(bot.telegram.asked("getUpdates"))
    kill_studio(bot)
    bot.telegram.stuck.clear()
    wait_for(lambda: len(bot.telegram.asked("getUpdates")) > asked)
    offset = int(bot.telegram.asked("getUpdates")[asked]["offset"])
    assert offset <= pressed, "it was confirmed already: this kill proves nothing"
    wait_for(lambda: phone.count("photo") == 2)
    phone.say("/status")
    phone.hears("Nothing of yours is running")
    assert phone.count("photo") == 2
    assert newest()[1] == before[0], "it ran twice"


def test_what_was_being_sent_when_studio_died_is_sent(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Half sent", values={"prompt": "a fox"}))
    bot.telegram.stuck.add(("sendPhoto", phone.chat_id))
    sent = len(bot.telegram.asked("sendPhoto"))
    phone.say("a fox")
    wait_for(lambda: len(bot.telegram.asked("sendPhoto")) > sent)
    kill_studio(bot)
    bot.telegram.stuck.clear()
    wait_for(lambda: len(bot.telegram.asked("sendPhoto")) > sent + 1)
    assert phone.gets("photo").text.startswith("Half sent: done")
    # The one that was cut off may have arrived as well: Telegram alone knows.
    assert phone.count("photo") <= 2
    phone.say("/status")
    phone.hears("Nothing of yours is running")
