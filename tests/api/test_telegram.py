"""The bot with a real Studio: pairing, presets with their questions, progress, results, again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.telegram_chat import Bot, bot_in, picture


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


def test_a_code_pairs_a_chat_once(bot: Bot) -> None:
    code = bot.code()
    phone, other = bot.phone(), bot.phone()
    phone.say(f"/start {code}")
    phone.hears("Welcome")
    other.say(f"/start {code}")
    other.hears("not a valid code")
    assert bot.chat(phone)["user_id"] == "owner"


def test_words_alone_run_the_default_preset(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Plain", values={"prompt": "a fox"}))
    phone.say("an owl at night")
    result = phone.gets("photo")
    assert result.files[0].startswith((b"\x89PNG", b"\xff\xd8"))
    assert "Plain: done, seed" in result.text
    jobs = bot.owner.get("/api/jobs").json()["jobs"]
    assert jobs[0]["title"] == "an owl at night"


def test_a_preset_asks_its_question_and_for_the_photo_that_it_needs(bot: Bot) -> None:
    phone = bot.paired()
    bot.save_changer("Change it", "a [[animal=Which animal?:fox|owl]]")
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "Change it")
    asked = phone.hears("Which animal?")
    assert [label for label, _ in asked.buttons] == ["fox", "owl", "Cancel"]
    phone.press(asked, "owl")
    phone.hears("Send me a picture")
    phone.say("here it comes")
    phone.hears("I am waiting for a file")
    phone.photo(picture())
    summary = phone.hears("Times: 1")
    assert "Which animal?: owl" in summary.text
    phone.press(summary, "Run")
    result = phone.gets("photo")
    assert [label for label, _ in result.buttons] == [
        "Again", "Again, another seed", "Use as input",
    ]  # fmt: skip


def test_no_preset_asks_for_a_photo_that_it_has_no_use_for(bot: Bot) -> None:
    phone = bot.paired()
    preset_id = bot.save(name="Only words", values={"prompt": "a fox"})
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "Only words")
    phone.press(phone.hears("Only words\n\n"), "Run")
    phone.gets("photo")
    assert not any("Send me a picture" in text for text in phone.texts())
    bot.make_default(phone, preset_id)
    phone.photo(picture())
    phone.hears("takes no such file")


def test_a_result_can_be_made_again_with_its_seed_another_one_or_as_input(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Seeds", values={"prompt": "a fox"}))
    bot.save_changer("From a picture", "winter")
    phone.say("a badger")
    first = phone.gets("photo")
    phone.press(first, "Again")
    again = bot.telegram.await_message(
        phone.chat_id, lambda each: each.kind == "photo" and each is not first
    )
    assert again.text == first.text
    phone.press(first, "Again, another seed")
    other = bot.telegram.await_message(
        phone.chat_id, lambda each: each.kind == "photo" and each.text != first.text
    )
    assert "done, seed" in other.text
    phone.press(other, "Use as input")
    menu = phone.hears("What shall be made of it?")
    assert "Seeds" not in [label for label, _ in menu.buttons]
    phone.press(menu, "From a picture")
    phone.press(phone.hears("From a picture\n\n"), "Run")
    phone.hears("From a picture: done")


def test_several_pictures_come_as_an_album(bot: Bot) -> None:
    phone = bot.paired()
    bot.save(name="Several", values={"prompt": "a fox"})
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "Several")
    summary = phone.hears("Several\n\n")
    phone.press(summary, "Times: 1")
    phone.press(phone.hears("Times: 2"), "Times: 2")
    phone.press(phone.hears("Times: 4"), "Run")
    phone.hears("What next?")
    assert phone.count("photo") == 4
    assert len(bot.telegram.asked("sendMediaGroup")) >= 1


def test_a_seed_can_be_given(bot: Bot) -> None:
    phone = bot.paired()
    bot.save(name="A seed", values={"prompt": "a fox"})
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "A seed")
    phone.press(phone.hears("A seed\n\n"), "Seed: random")
    phone.hears("Send me a whole number")
    phone.say("many")
    phone.hears("does not fit")
    phone.say("4711")
    phone.press(phone.hears("Seed: 4711"), "Run")
    assert "seed 4711" in phone.gets("photo").text


def test_what_runs_is_shown_in_one_message_and_can_be_cancelled(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Long", values={"prompt": "a fox"}))
    assert bot.owner.post("/api/queue/pause").status_code == 200
    try:
        phone.say("never")
        waiting = phone.hears("Long: place 1 in the queue")
        assert waiting.edits == ["Long: accepted"]
        phone.say("/queue")
        phone.hears("The queue is paused")
        phone.say("/status")
        phone.hears("Studio is ready.\nLong: place 1 in the queue")
        phone.press(waiting, "Cancel")
        phone.hears("Long: cancelled")
        assert waiting.text == "Long: cancelled"
        assert [label for label, _ in waiting.buttons] == ["Again", "Again, another seed"]
    finally:
        assert bot.owner.post("/api/queue/resume").status_code == 200


def test_a_dialogue_can_be_given_up_and_its_buttons_mean_nothing_then(bot: Bot) -> None:
    phone = bot.paired()
    bot.save(name="Given up", values={"prompt": "a [[animal:fox|owl]]"})
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), "Given up")
    asked = phone.hears("animal")
    data = asked.button("fox")
    phone.say("/cancel")
    phone.hears("Stopped.")
    asked.buttons = [("fox", data)]
    phone.press(asked, "fox")
    phone.say("/cancel")
    phone.hears("There is nothing to stop.")
    assert "That is over." in [answer.get("text") for answer in bot.telegram.answered]


def test_presets_come_in_pages_and_one_can_be_the_default(bot: Bot) -> None:
    phone = bot.paired()
    for number in range(9):
        bot.save(name=f"Page {number}", values={"prompt": "a fox"})
    phone.say("/default")
    menu = phone.hears("Page 1 of")
    phone.press(menu, "▶")
    menu = phone.hears("Page 2 of")
    phone.press(menu, "◀")
    phone.press(phone.hears("Page 1 of"), "Page 8")
    phone.hears("Plain messages run “Page 8” from now on.")
    assert bot.chat(phone)["default_preset"] is not None


def test_an_album_for_one_photo_runs_once(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save_changer("One photo", "winter"))
    for color in ("red", "green", "blue"):
        phone.photo(picture(color), "an owl" if color == "red" else "", album="77")
    phone.hears("One photo: done")
    phone.say("/status")
    phone.hears("Nothing of yours is running")
    assert sum("One photo: " in text for text in phone.texts()) == 2


def test_the_chat_speaks_the_language_that_it_is_set_to(bot: Bot) -> None:
    phone = bot.paired()
    phone.say("/settings")
    phone.press(phone.hears("Settings"), "Deutsch")
    menu = phone.hears("Einstellungen")
    assert "Aufträge von anderswo: ich sage nichts" in [label for label, _ in menu.buttons]
    phone.say("/status")
    phone.hears("Von dir läuft gerade nichts.")
    assert bot.chat(phone)["language"] == "de"


def test_a_long_run_shows_a_look_at_what_becomes_of_it(bot: Bot) -> None:
    phone = bot.paired()
    slow = {"size": {"width": 1536, "height": 1536}, "steps": 150}
    bot.make_default(phone, bot.save(name="Slow", values={"prompt": "a fox", **slow}))
    phone.say("an owl")
    shown = phone.gets("preview")
    assert shown.files[0].startswith((b"\xff\xd8", b"\x89PNG"))
    assert shown.text.startswith("Slow: ")
    phone.press(shown, "Cancel")
    phone.hears("Slow: cancelled")
    assert shown.text == "Slow: cancelled"


def test_jobs_from_elsewhere_are_told_of_to_those_who_want_it(bot: Bot) -> None:
    phone, quiet = bot.paired(), bot.paired()
    path = f"/api/telegram/chats/{bot.chat(phone)['id']}"
    assert bot.owner.patch(path, json={"notify_jobs": True}).status_code == 200
    bot.make_default(phone, bot.save(name="Own", values={"prompt": "a fox"}))
    phone.say("one of the chat's own")
    phone.gets("photo")
    preset_id = bot.save(name="Elsewhere", values={"prompt": "a heron"})
    run = f"/api/presets/{preset_id}/run"
    assert bot.owner.post(run, json={}).status_code == 201
    phone.hears("“a heron” is done.")
    assert bot.owner.post(run, json={"count": 5}).status_code == 201
    phone.hears("5 jobs are done, 0 failed.")
    assert not any("one of the chat" in text for text in phone.texts())
    assert len(quiet.texts()) == 1
