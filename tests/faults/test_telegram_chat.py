"""Conversations with a language model in Telegram: what was asked is answered, whoever dies."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from time import sleep
from typing import Any

import pytest
from PIL import Image

from tests.api.chats import good, messages
from tests.api.presets import SMALL, WORKFLOW
from tests.api.telegram_chat import Bot, Phone, bot_in, picture
from tests.fakes.talker import Say, Talker
from tests.fakes.talker import server as server
from tests.fakes.talker import talker as talker
from tests.faults.test_telegram import kill_studio, wait_for


@pytest.fixture(scope="module")
def bot(server: Talker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot"), server.environ()) as running:
        yield running


@pytest.fixture
def phone(bot: Bot) -> Phone:
    """A chat of the owner's in which a conversation has just begun."""
    phone = bot.paired()
    phone.say("/chat")
    phone.hears("You are talking to")
    return phone


def newest(bot: Bot) -> str:
    """The conversation that was written to last, as the web shows it."""
    return str(good(bot.owner.get("/api/chats"))["items"][0]["id"])


def fox(bot: Bot) -> dict[str, Any]:
    body = {"name": "Small fox", "workflow_id": WORKFLOW, "values": {**SMALL, "prompt": "a fox"}}
    return good(bot.owner.post("/api/presets", json=body), 201)


def film(bot: Bot) -> dict[str, Any]:
    """A preset of which nobody knows how long it takes."""
    body = {"name": "Fox film", "workflow_id": "text-to-video", "values": {"prompt": "a fox"}}
    return good(bot.owner.post("/api/presets", json=body), 201)


def run(preset: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "run_preset", {"preset": preset["id"]}


def test_a_conversation_is_the_one_that_the_web_shows(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say("Good morning to you.", "Still here.")
    phone.say("good morning")
    assert phone.hears("Good morning to you.").edits == ["…"]
    phone.say("and again")
    phone.hears("Still here.")

    said = [(each["role"], each["text"]) for each in messages(bot.owner, newest(bot))]
    assert said == [
        ("user", "good morning"),
        ("assistant", "Good morning to you."),
        ("user", "and again"),
        ("assistant", "Still here."),
    ]
    phone.say("/chat")
    phone.hears("You have left the conversation.")
    phone.say("nobody hears this")
    phone.hears("Choose a preset first")


def test_an_earlier_conversation_is_gone_on_with(bot: Bot, talker: Talker) -> None:
    begun = good(bot.owner.post("/api/chats", json={"title": "On foxes"}), 201)["id"]
    talker.will_say("Red, mostly.", "And white below.")
    sent = {"text": "What colour are foxes?"}
    good(bot.owner.post(f"/api/chats/{begun}/messages", json=sent), 201)
    wait_for(lambda: messages(bot.owner, begun)[-1]["status"] == "done")
    phone = bot.paired()
    phone.say("/chat")
    phone.press(phone.hears("You are talking to"), "On foxes")
    assert "Red, mostly." in phone.hears("You go on with “On foxes”.").text
    phone.say("All of them?")
    phone.hears("And white below.")
    assert len(messages(bot.owner, begun)) == 4
    told = [each["content"] for each in talker.asked[-1]["messages"] if each["role"] == "user"]
    assert told == ["What colour are foxes?", "All of them?"]


def test_what_a_model_draws_comes_into_the_chat(bot: Bot, talker: Talker, phone: Phone) -> None:
    talker.will_say(Say("I draw.", calls=[run(fox(bot))]), "Here it is.")
    phone.say("Draw me a fox.")
    sent = phone.gets("photo")
    assert sent.text == "Small fox"
    with Image.open(io.BytesIO(sent.files[0])) as drawn:
        assert drawn.size == (64, 64)
    assert phone.hears("Here it is.").text == "I draw.\n\nHere it is."
    assert phone.count("photo") == 1


def test_a_long_run_is_asked_about_with_buttons(bot: Bot, talker: Talker, phone: Phone) -> None:
    talker.will_say(Say("A film?", calls=[run(film(bot))]), "As you like.")
    phone.say("Make a film.")
    question = phone.hears("May I run “Fox film”?")
    assert question.text.startswith("A film?")
    as_it_was = replace(question)
    phone.press(question, "No")
    phone.hears("As you like.")
    phone.press(as_it_was, "Yes")
    wait_for(lambda: bot.telegram.answered[-1].get("text") == "That is over.")
    told = [each["content"] for each in talker.asked[-1]["messages"] if each["role"] == "tool"]
    assert told == ["The user does not want this to run."]


def test_a_question_that_is_answered_on_the_page_goes_on_in_the_chat(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say(Say(calls=[run(film(bot))]), "So be it.")
    phone.say("Make a film.")
    phone.hears("May I run")
    chat = newest(bot)
    asked = messages(bot.owner, chat)[-1]["id"]
    path = f"/api/chats/{chat}/messages/{asked}/calls/0"
    good(bot.owner.post(path, json={"run": False}))
    phone.hears("So be it.")


def test_pictures_reach_the_model_and_an_album_is_one_message(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say("Two of them.")
    bot.telegram.hold = True
    for color, caption in (("red", "What are these?"), ("blue", "")):
        phone.photo(picture(color), caption, album=f"album-{phone.chat_id}")
    bot.telegram.hold = False
    phone.hears("Two of them.")
    content = talker.asked[-1]["messages"][-1]["content"]
    assert [each["type"] for each in content] == ["image_url", "image_url", "text"]
    assert "What are these?" in content[-1]["text"]
    assert len(talker.asked) == 1
    shown = [each["image_url"]["url"] for each in content if each["type"] == "image_url"]
    for url, wanted in zip(shown, ((254, 0, 0), (0, 0, 254)), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as seen:
            found = seen.convert("RGB").getpixel((8, 8))
            assert isinstance(found, tuple)
            assert all(abs(a - b) < 8 for a, b in zip(found, wanted, strict=True))


def test_an_album_whose_pictures_take_long_to_fetch_is_one_message(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say("Four of them.")
    bot.telegram.hold, bot.telegram.file_takes_s = True, 1.0
    for color, caption in (("red", ""), ("blue", ""), ("green", ""), ("black", "What are they?")):
        phone.photo(picture(color), caption, album=f"slow-{phone.chat_id}")
    bot.telegram.hold = False
    phone.hears("Four of them.")
    bot.telegram.file_takes_s = 0.0
    content = talker.asked[-1]["messages"][-1]["content"]
    assert [each["type"] for each in content] == ["image_url"] * 4 + ["text"]
    assert "What are they?" in content[-1]["text"]
    assert len(talker.asked) == 1


def test_while_telegram_wants_less_a_growing_answer_is_not_shown(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    first, second = Event(), Event()
    bot.telegram.refuse("editMessageText", 429, "Too Many Requests", retry_after=600)
    talker.will_say(
        Say("I draw.", calls=[run(fox(bot))], holds=first, words_before=1),
        Say("Here it is.", holds=second, words_before=2),
    )

    def edits() -> int:
        asked = bot.telegram.asked("editMessageText")
        return sum(int(each["chat_id"]) == phone.chat_id for each in asked)

    phone.say("Draw me a fox.")
    wait_for(lambda: edits() == 1)
    first.set()
    wait_for(lambda: len(talker.asked) == 2)
    # Longer than it takes to be shown where nothing was refused.
    sleep(5)
    assert edits() == 1
    second.set()
    phone.hears("Here it is.")


def test_an_answer_is_shown_as_it_grows_and_can_be_stopped(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    never = Event()
    talker.will_say(Say("One two three four", holds=never, words_before=2))
    phone.say("Count.")
    growing = phone.hears("One two")
    phone.press(growing, "Stop")
    ended = phone.hears("Stopped.")
    assert ended is growing
    assert ended.text == "One two\n\nStopped."
    assert messages(bot.owner, newest(bot))[-1]["status"] == "stopped"
    talker.will_say("I am here.")
    phone.say("Still there?")
    phone.hears("I am here.")


@pytest.mark.parametrize("after", [0, 2])
def test_an_answer_that_is_owed_survives_the_death_of_studio(
    bot: Bot, talker: Talker, phone: Phone, after: int
) -> None:
    never = Event()
    talker.will_say(Say("I was never here", holds=never, words_before=after))
    phone.say("Are you there?")
    wait_for(lambda: len(talker.asked) == 1)
    if after:
        phone.hears("I was")
    talker.will_say("and still am.")
    kill_studio(bot)
    answer = phone.hears("and still am.")
    assert answer.text == ("I was and still am." if after else "and still am.")
    assert sum("still am" in text for text in phone.texts()) == 1
    assert "…" not in phone.texts()


def test_a_run_of_a_model_is_neither_lost_nor_made_twice_when_studio_dies(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    never = Event()
    talker.will_say(Say(calls=[run(fox(bot))]), Say("Here it", holds=never, words_before=1))
    phone.say("Draw me a fox.")
    phone.gets("photo")
    wait_for(lambda: len(talker.asked) == 2)
    talker.will_say("is the fox.")
    kill_studio(bot)
    phone.hears("is the fox.")
    assert phone.count("photo") == 1


def test_a_question_of_a_model_survives_the_death_of_studio(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say(Say(calls=[run(film(bot))]), "Then not.")
    phone.say("Make a film.")
    question = phone.hears("May I run")
    kill_studio(bot)
    phone.press(question, "No")
    phone.hears("Then not.")
    assert sum("May I run" in text for text in phone.texts()) == 0


def test_a_long_answer_comes_in_as_many_messages_as_it_needs(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say("🦊 " * 3_000 + "the end")
    phone.say("Say fox three thousand times.")
    phone.hears("the end")
    answers = [text for text in phone.texts() if "🦊" in text]
    assert len(answers) == 3
    assert sum(text.count("🦊") for text in answers) == 3_000


def test_a_model_that_breaks_off_is_told_of_and_can_be_asked_again(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    talker.will_say(Say("One two three", dies=True, words_before=1))
    phone.say("hello")
    assert phone.hears("That did not work: ").text.startswith("One")
    talker.will_say("Hello again.")
    phone.say("hello again")
    phone.hears("Hello again.")


def test_a_conversation_that_takes_long_holds_no_other_up(bot: Bot, talker: Talker) -> None:
    slow, quick = bot.paired(), bot.paired()
    for phone in (slow, quick):
        phone.say("/chat")
        phone.hears("You are talking to")
    goes = Event()
    talker.will_say(Say("At last.", holds=goes))
    slow.say("take your time")
    wait_for(lambda: len(talker.asked) == 1)
    try:
        for words in ("Hello.", "Good bye."):
            talker.will_say(words)
            quick.say("now")
            quick.hears(words)
        assert "At last." not in slow.texts()
    finally:
        goes.set()
    slow.hears("At last.")


def test_cancel_ends_what_the_chat_is_in_the_midst_of(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    bot.save(name="Asks", values={"prompt": "a [[animal:fox|owl]]"})
    talker.will_say(Say(calls=[run(film(bot))]))
    phone.say("Make a film.")
    question = phone.hears("May I run")
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "Asks")
    phone.hears("animal")
    phone.say("/cancel")
    phone.hears("Stopped.")
    assert question.text.startswith("May I run")
    phone.say("/cancel")
    wait_for(lambda: question.text == "Stopped.")
    phone.say("/cancel")
    phone.hears("There is nothing to stop.")


def test_buttons_of_a_conversation_are_its_chats_alone(
    bot: Bot, talker: Talker, phone: Phone
) -> None:
    never = Event()
    talker.will_say(Say("One two", holds=never, words_before=1))
    phone.say("Count.")
    growing = phone.hears("One")
    other = bot.paired()
    other.press(replace(growing, chat_id=other.chat_id), "Stop")
    wait_for(lambda: bot.telegram.answered[-1].get("text") == "That is over.")
    assert messages(bot.owner, newest(bot))[-1]["status"] == "writing"
    phone.say("/cancel")
    phone.hears("Stopped.")
