"""Conversations with a language model in Telegram: what was asked is answered, whoever dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.telegram_chat import Bot, bot_in
from tests.fakes.talking_server import Talker, running_talker
from tests.faults.test_telegram import kill_studio, wait_for


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    with running_talker() as running:
        yield running


@pytest.fixture(scope="module")
def bot(talker: Talker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    variables = {"LANGUAGE_URL": talker.url, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
    with bot_in(tmp_path_factory.mktemp("bot"), variables) as running:
        yield running


def test_a_conversation_goes_on_until_it_is_ended(bot: Bot, talker: Talker) -> None:
    phone = bot.paired()
    phone.say("/chat")
    phone.hears("You are talking to")
    phone.say("good morning")
    assert phone.hears("You said: good morning").edits == ["…"]
    phone.say("and again")
    phone.hears("You said: and again")
    assert [each["content"] for each in talker.asked[-1]["messages"]][1:] == [
        "good morning", "You said: good morning", "and again",
    ]  # fmt: skip
    phone.say("/chat")
    phone.hears("The conversation is over.")
    phone.say("nobody hears this")
    phone.hears("Choose a preset first")


def test_an_answer_that_is_owed_survives_the_death_of_studio(bot: Bot, talker: Talker) -> None:
    phone = bot.paired()
    phone.say("/chat")
    phone.hears("You are talking to")
    asked = len(talker.asked)
    talker.goes.clear()
    phone.say("are you there?")
    wait_for(lambda: len(talker.asked) > asked)
    kill_studio(bot)
    talker.goes.set()
    phone.hears("You said: are you there?")
    assert sum("You said" in text for text in phone.texts()) == 1


def test_a_model_that_breaks_off_is_told_of_and_can_be_asked_again(
    bot: Bot, talker: Talker
) -> None:
    phone = bot.paired()
    phone.say("/chat")
    phone.hears("You are talking to")
    talker.breaks = True
    phone.say("hello")
    phone.hears("That did not work: The language server ended before its answer did.")
    talker.breaks = False
    phone.say("hello again")
    phone.hears("You said: hello again")


def test_a_conversation_that_takes_long_holds_no_other_up(bot: Bot, talker: Talker) -> None:
    slow, quick = bot.paired(), bot.paired()
    for phone in (slow, quick):
        phone.say("/chat")
        phone.hears("You are talking to")
    asked = len(talker.asked)
    talker.holds = "take your time"
    talker.goes.clear()
    try:
        slow.say("take your time")
        wait_for(lambda: len(talker.asked) > asked)
        for words in ("hello", "good bye"):
            quick.say(words)
            quick.hears(f"You said: {words}")
        assert not any("You said: take" in text for text in slow.texts())
    finally:
        talker.goes.set()
        talker.holds = None
    slow.hears("You said: take your time")
