"""The bot when Studio dies wherever a chat is, and when Telegram misbehaves as it does."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.telegram_chat import Bot, Phone, bot_in, picture
from tests.fakes.bootstrap_family import Line
from tests.fakes.telegram import TOKEN, running_telegram

PATIENCE_S = 60


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


def kill_studio(bot: Bot) -> None:
    """SIGKILL, and wait for the next Studio, which bootstrap starts."""
    before = pid_of(bot)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pid_of(bot) not in (None, before))
    wait_for(bot.studio.is_ready)


def pid_of(bot: Bot) -> int | None:
    """The process of Studio itself, while it runs."""
    with Line(bot.studio.run_dir / "bootstrap.sock") as line:
        children = line.ask(b'{"verb": "status"}')["children"].values()
    running = [each for each in children if each["state"] == "running"]
    return next((int(each["pid"]) for each in running if each["kind"] == "studio"), None)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "that never came to be"
        time.sleep(0.05)


def chosen(phone: Phone, name: str) -> None:
    phone.say("/presets")
    phone.press(phone.hears("What shall it be?"), name)


def test_a_killed_studio_goes_on_in_every_state_of_a_dialogue(bot: Bot) -> None:
    bot.save(name="Asks", values={"prompt": "a [[animal:fox|owl]]"})
    bot.save_changer("Wants a photo", "winter")
    menu, question, photo, summary, seed, waiting, using = (bot.paired() for _ in range(7))
    bot.make_default(waiting, bot.save(name="Waits", values={"prompt": "a fox"}))
    bot.make_default(using, bot.save(name="Used", values={"prompt": "a fox"}))
    using.say("first")
    using.press(using.gets("photo"), "Use as input")
    offered = using.hears("What shall be made of it?")
    menu.say("/presets")
    shown = menu.hears("What shall it be?")
    for phone, name in ((question, "Asks"), (photo, "Wants a photo"), (summary, "Asks"),
                        (seed, "Asks")):  # fmt: skip
        chosen(phone, name)
    asked = question.hears("animal")
    photo.hears("Send me a picture")
    for phone in (summary, seed):
        phone.press(phone.hears("animal"), "fox")
    summed_up = summary.hears("Times: 1")
    seed.press(seed.hears("Times: 1"), "Seed: random")
    seed.hears("Send me a whole number")
    assert bot.owner.post("/api/queue/pause").status_code == 200
    waiting.say("later")
    waiting.hears("Waits: place 1")

    kill_studio(bot)

    assert bot.owner.post("/api/queue/resume").status_code == 200
    assert "Waits: done" in waiting.gets("photo").text
    menu.press(shown, "Asks")
    menu.press(menu.hears("animal"), "owl")
    menu.hears("Times: 1")
    question.press(asked, "owl")
    question.press(question.hears("Times: 1"), "Run")
    photo.photo(picture())
    photo.press(photo.hears("Times: 1"), "Run")
    summary.press(summed_up, "Run")
    seed.say("12")
    seed.press(seed.hears("Seed: 12"), "Run")
    using.press(offered, "Wants a photo")
    using.press(using.hears("Times: 1"), "Run")
    for phone in (question, photo, summary, seed):
        phone.gets("photo")
    using.hears("Wants a photo: done")
    assert seed.gets("photo").text.endswith("seed 12")
    assert waiting.count("photo") == 1


def test_what_ends_while_studio_is_away_is_told_when_it_is_back(tmp_path: Path) -> None:
    with running_telegram() as telegram:
        with bot_in(tmp_path, telegram=telegram) as bot:
            phone = bot.paired()
            bot.make_default(phone, bot.save(name="Away", values={"prompt": "a fox"}))
        phone.say("written while nobody listens")
        with bot_in(tmp_path, telegram=telegram):
            result = phone.gets("photo")
        assert "Away: done" in result.text
        assert phone.count("photo") == 1


def test_updates_that_come_again_have_one_effect(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Once", values={"prompt": "a fox"}))
    asked = len(bot.telegram.asked("getUpdates"))
    bot.telegram.repeats = 5
    phone.say("only once")
    phone.gets("photo")
    wait_for(lambda: len(bot.telegram.asked("getUpdates")) > asked + 6)
    phone.say("/status")
    phone.hears("Nothing of yours is running")
    assert phone.count("photo") == 1
    assert sum(text.startswith("Once: ") for text in phone.texts()) == 2


def test_updates_in_the_wrong_order_are_taken_in_theirs(bot: Bot) -> None:
    phone = bot.paired()
    bot.save(name="Ordered", values={"prompt": "a [[animal:fox|owl]]"})
    chosen(phone, "Ordered")
    phone.hears("animal")
    bot.telegram.hold = True
    bot.telegram.backwards = True
    phone.say("owl")
    phone.say("/cancel")
    bot.telegram.hold = False
    phone.hears("Stopped.")
    bot.telegram.backwards = False
    assert phone.texts()[-2:][0].startswith("Ordered\n\nanimal: owl")


def test_ids_that_begin_anew_after_a_gap_are_heard(tmp_path: Path) -> None:
    """Telegram counts from anywhere after a week of silence; a lower id is no old one."""
    with running_telegram() as telegram:
        with bot_in(tmp_path, telegram=telegram) as bot:
            phone = bot.paired()
        _age(tmp_path / "studio" / "db" / "studio.db")
        telegram.forget()
        telegram.renumber(12)
        phone.say("/status")
        with bot_in(tmp_path, telegram=telegram):
            phone.hears("Nothing of yours is running")
            phone.say("/queue")
            phone.hears("0 running, 0 waiting")


def _age(database: Path) -> None:
    """As if a week had passed since something was heard."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        changed = connection.execute("UPDATE telegram_bots SET heard_at = heard_at - 604800000")
        assert changed.rowcount == 1


def test_the_bot_waits_as_long_as_telegram_tells_it_to(bot: Bot) -> None:
    phone = bot.paired()
    bot.telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
    phone.say("/status")
    phone.hears("Nothing of yours is running")
    tries = [call for call in bot.telegram.asked("sendMessage")
             if call["chat_id"] == str(phone.chat_id)]  # fmt: skip
    assert len(tries) == 3


def test_a_telegram_that_fails_for_a_while_loses_nothing(bot: Bot) -> None:
    phone = bot.paired()
    for method in ("sendMessage", "getUpdates"):
        bot.telegram.refuse(method, 502, "Bad Gateway")
    phone.say("/status")
    phone.hears("Nothing of yours is running")


def test_another_program_with_the_token_is_told_of(bot: Bot) -> None:
    phone = bot.paired()
    for _ in range(3):
        bot.telegram.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request")
    wait_for(lambda: bot.owner.get("/api/telegram").json()["state"] == "elsewhere")
    wait_for(lambda: bot.owner.get("/api/telegram").json()["state"] == "connected")
    phone.say("/status")
    phone.hears("Nothing of yours is running")


def test_a_token_that_is_taken_back_is_told_of_and_a_new_one_counts_at_once(
    tmp_path: Path,
) -> None:
    with bot_in(tmp_path, {"TELEGRAM_BOT_TOKEN": ""}) as bot:
        state = bot.owner.get("/api/telegram").json()
        assert (state["state"], state["bot"]) == ("off", None)
        bot.telegram.token = "123456789:another-0123456789012345678901234"
        path = "/api/settings/TELEGRAM_BOT_TOKEN"
        assert bot.owner.put(path, json={"value": TOKEN}).status_code == 200
        wait_for(lambda: bot.owner.get("/api/telegram").json()["state"] == "refused")
        assert TOKEN not in bot.owner.get("/api/telegram").text
        answer = bot.owner.put(path, json={"value": bot.telegram.token})
        assert answer.status_code == 200
        wait_for(lambda: bot.owner.get("/api/telegram").json()["state"] == "connected")
        phone = bot.paired()
        assert bot.owner.delete(path).status_code == 200
        wait_for(lambda: bot.owner.get("/api/telegram").json()["state"] == "off")
        log = bot.studio.log.read_text(errors="replace")
        assert TOKEN not in log
        assert phone.count("text") == 1


def test_somebody_who_blocked_the_bot_is_left_alone_until_they_write_again(bot: Bot) -> None:
    phone = bot.paired()
    bot.telegram.refuse("sendMessage", 403, "Forbidden: bot was blocked by the user")
    phone.say("/status")
    wait_for(lambda: bot.chat(phone)["blocked_at"] is not None)
    phone.say("/queue")
    phone.hears("0 running, 0 waiting")
    assert bot.chat(phone)["blocked_at"] is None


def test_a_chat_that_cannot_be_edited_holds_no_other_up(bot: Bot) -> None:
    blocked, other = bot.paired(), bot.paired()
    preset_id = bot.save(name="Edited", values={"prompt": "a fox"})
    for phone in (blocked, other):
        bot.make_default(phone, preset_id)
    assert bot.owner.post("/api/queue/pause").status_code == 200
    try:
        bot.telegram.refuse("editMessageText", 403, "Forbidden: bot was blocked by the user")
        blocked.say("first")
        wait_for(lambda: not bot.telegram.forced["editMessageText"])
        other.say("second")
        other.hears("Edited: place 2 in the queue")
    finally:
        assert bot.owner.post("/api/queue/resume").status_code == 200
    for phone in (blocked, other):
        phone.gets("photo")


def test_a_chat_of_which_telegram_wants_less_keeps_no_other_quiet(bot: Bot) -> None:
    quiet, other = bot.paired(), bot.paired()
    preset_id = bot.save(name="Quiet", values={"prompt": "a fox"})
    for phone in (quiet, other):
        bot.make_default(phone, preset_id)
    assert bot.owner.post("/api/queue/pause").status_code == 200
    try:
        bot.telegram.refuse("editMessageText", 429, "retry after 600", retry_after=600)
        quiet.say("first")
        wait_for(lambda: not bot.telegram.forced["editMessageText"])
        other.say("second")
        other.hears("Quiet: place 2 in the queue")
        assert quiet.texts()[-1] == "Quiet: accepted"
    finally:
        assert bot.owner.post("/api/queue/resume").status_code == 200
    for phone in (quiet, other):
        phone.gets("photo")


def test_a_file_that_is_too_large_for_bots_is_refused_in_words(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save_changer("Large", "winter"))
    asked = len(bot.telegram.asked("getFile"))
    bot.telegram.send_document(phone.chat_id, "large.png", b"x", size=21_000_000)
    phone.hears("That file is too large")
    assert len(bot.telegram.asked("getFile")) == asked


def test_a_photo_that_telegram_refuses_comes_as_a_document(bot: Bot) -> None:
    phone = bot.paired()
    bot.make_default(phone, bot.save(name="Refused", values={"prompt": "a fox"}))
    bot.telegram.refuse("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    phone.say("an owl")
    assert "Refused: done" in phone.gets("document").text


def test_chats_whose_edits_hang_hold_no_other_up(bot: Bot) -> None:
    hanging, other = [bot.paired() for _ in range(12)], bot.paired()
    preset_id = bot.save(name="Hanging", values={"prompt": "a fox"})
    for phone in (*hanging, other):
        bot.make_default(phone, preset_id)
    stuck = {("editMessageText", phone.chat_id) for phone in hanging}
    assert bot.owner.post("/api/queue/pause").status_code == 200
    try:
        bot.telegram.stuck |= stuck
        for phone in hanging:
            phone.say("a fox")
            phone.hears("Hanging: accepted")
        edited = {each["chat_id"] for each in bot.telegram.asked("editMessageText")}
        wait_for(
            lambda: (
                {each["chat_id"] for each in bot.telegram.asked("editMessageText")} - edited
                >= {str(phone.chat_id) for phone in hanging} - edited
            )
        )
        other.say("an owl")
        other.hears("Hanging: place 13 in the queue")
    finally:
        bot.telegram.stuck -= stuck
        assert bot.owner.post("/api/queue/resume").status_code == 200
    for phone in (*hanging, other):
        phone.gets("photo")
