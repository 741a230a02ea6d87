"""Messages that break something in the bot end neither its hearing nor their own chat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.presets import SMALL, good
from tests.api.telegram_chat import Bot, bot_in
from tests.faults.test_telegram import chosen

HUGE = "00000000000000000000" + "9" * 20


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


def save_asking_for_a_number(bot: Bot) -> None:
    """A preset of a workflow that needs a number which nobody filled in."""
    found = good(bot.owner.get("/api/workflows/text-to-image"))
    manifest = {**found["manifest"], "id": "needs-a-number", "name": "Needs a number"}
    for each in manifest["inputs"]:
        if each["id"] == "cfg":
            each["required"] = True
            for name in ("default", "min", "max", "step", "advanced"):
                each.pop(name, None)
    body = {"graph": found["graph"], "manifest": manifest}
    workflow_id = good(bot.owner.post("/api/workflows", json=body), 201)["id"]
    values = {"prompt": "a fox", **SMALL}
    preset = {"name": "A number", "workflow_id": workflow_id, "values": values}
    good(bot.owner.post("/api/presets", json=preset), 201)


def test_a_seed_that_no_row_can_hold_ends_the_bot_for_nobody(bot: Bot) -> None:
    phone, other = bot.paired(), bot.paired()
    bot.save(name="A seed", values={"prompt": "a fox"})
    for text in (HUGE, "9" * 4_000, "9007199254740992"):
        chosen(phone, "A seed")
        phone.press(phone.hears("Seed: random"), "Seed: random")
        phone.hears("Send me a whole number")
        phone.say(text)
        phone.hears("That does not fit")
        other.say("/status")
        other.hears("Nothing of yours is running")
        phone.say("/cancel")
        phone.hears("Stopped.")
        bot.telegram.messages.clear()


def test_a_number_that_no_row_can_hold_ends_the_bot_for_nobody(bot: Bot) -> None:
    save_asking_for_a_number(bot)
    phone, other = bot.paired(), bot.paired()
    chosen(phone, "A number")
    phone.hears("CFG")
    for text in ("9" * 400, "[" * 3_000, "1e999"):
        phone.say(text)
        phone.hears("That does not fit")
        bot.telegram.messages.clear()
    phone.say("1" + "0" * 30)
    phone.hears("CFG: 1e+30")
    other.say("/status")
    other.hears("Nothing of yours is running")


def test_words_that_are_no_text_are_answered_and_hold_nobody_up(bot: Bot) -> None:
    phone, other = bot.paired(), bot.paired()
    bot.save(name="Asks", values={"prompt": "a [[animal]]"})
    chosen(phone, "Asks")
    phone.hears("animal")
    phone.say("half of a pair: \ud83d")
    phone.hears("Something went wrong here")
    stranger = bot.phone()
    bot.telegram.say(
        stranger.chat_id,
        f"/start {bot.code()}",
        **{"from": {"id": stranger.chat_id, "is_bot": False, "first_name": "half \ud83d"}},
    )
    other.say("/status")
    other.hears("Nothing of yours is running")
