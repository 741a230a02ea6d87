"""Who the bot listens to: strangers, guesses, other people's chats, people who were shut out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest

from tests.api.people import OWN_PAGE, PASSWORD
from tests.api.presets import good
from tests.api.telegram_chat import Bot, bot_in
from tests.fakes.telegram import TOKEN


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


@contextlib.contextmanager
def member_in(bot: Bot, name: str, role: str = "member") -> Iterator[httpx.Client]:
    """The browser of somebody who was just invited."""
    link = good(bot.owner.post("/api/invitations", json={"role": role}), 201)["url"]
    body = {"token": link.rpartition("/")[2], "name": name, "password": PASSWORD}
    with httpx.Client(base_url=bot.studio.url, headers=OWN_PAGE, timeout=30) as client:
        answer = client.post("/api/join", json=body)
        assert answer.status_code == 200, answer.text
        yield client


def test_a_stranger_gets_one_sentence_and_starts_nothing(bot: Bot) -> None:
    phone = bot.phone()
    for text in ("a fox", "/presets", "/status", "draw!"):
        phone.say(text)
    phone.hears("This is a private bot.")
    # What another chat is told later shows that all of these were heard.
    assert bot.paired().texts()
    assert len(phone.texts()) == 1


def test_a_chat_that_guesses_is_not_listened_to_after_five_codes(bot: Bot) -> None:
    phone = bot.phone()
    for number in range(5):
        phone.say(f"/start AAAA-AA{number}0")
    bot.telegram.await_message(
        phone.chat_id, lambda _: sum("not a valid" in text for text in phone.texts()) == 5
    )
    for _ in range(2):
        phone.say(f"/start {bot.code()}")
    phone.hears("Too many wrong codes.")
    assert bot.paired().texts()
    assert len(phone.texts()) == 6
    names = [chat["username"] for chat in good(bot.owner.get("/api/telegram"))["chats"]]
    assert f"anna{phone.chat_id}" not in names


def test_a_code_has_an_end_and_gives_way_to_the_next(bot: Bot) -> None:
    first, second = bot.code(), bot.code()
    phone = bot.phone()
    phone.say(f"/start {first}")
    phone.hears("not a valid code")
    phone.say(second.replace("-", " ").lower())
    phone.hears("Welcome")


def test_a_chat_that_is_paired_stays_its_persons_until_it_is_disconnected(bot: Bot) -> None:
    phone = bot.paired()
    with member_in(bot, "Mal") as mal:
        code = bot.code(mal)
        phone.say(f"/start {code}")
        phone.hears("Disconnect it in /settings first")
        assert bot.chat(phone)["user_id"] == "owner"
        assert good(mal.get("/api/telegram"))["chats"] == []
        phone.say("/settings")
        phone.press(phone.hears("Settings"), "Disconnect this chat")
        phone.hears("does not belong to Studio any more")
        bot.telegram.messages.clear()
        phone.say(f"/start {code}")
        phone.hears("Welcome")
        assert bot.chat(phone)["user_name"] == "Mal"


def test_a_code_is_for_people_and_never_for_keys(bot: Bot) -> None:
    with bot.studio.client() as key:
        answer = key.post("/api/telegram/code")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "session_required")


def test_members_see_and_change_their_own_chats_alone(bot: Bot) -> None:
    with member_in(bot, "Mia") as mia, member_in(bot, "Ben") as ben:
        phone = bot.paired(mia)
        [chat] = good(mia.get("/api/telegram"))["chats"]
        assert chat["user_name"] == "Mia"
        assert good(ben.get("/api/telegram"))["chats"] == []
        path = f"/api/telegram/chats/{chat['id']}"
        for answer in (
            ben.patch(path, json={"notify_jobs": True}),
            ben.delete(path),
            ben.post(f"{path}/test"),
        ):
            assert answer.status_code == 404
        assert mia.patch(path, json={"notify_disk": True}).status_code == 422
        assert mia.post(f"{path}/test").status_code == 204
        phone.hears("This is a test from Studio.")
        assert good(mia.patch(path, json={"notify_jobs": True}))["notify_jobs"] is True
        assert bot.owner.delete(path).status_code == 204
        phone.say("/status")
        phone.hears("This is a private bot.")


def test_presets_are_those_that_the_person_sees_in_studio(bot: Bot) -> None:
    private = bot.save(name="Of the owner", values={"prompt": "a fox"})
    bot.save(name="For everybody", values={"prompt": "a fox"}, shared=True)
    with member_in(bot, "Gus", "guest") as guest:
        phone = bot.paired(guest)
        phone.say("/presets")
        menu = phone.hears("What shall it be?")
        assert [label for label, _ in menu.buttons] == ["For everybody"]
        menu.buttons.append(("forged", f"p:{private}"))
        phone.press(menu, "forged")
        phone.hears("That did not work: There is no such preset")
        phone.press(menu, "For everybody")
        phone.press(phone.hears("For everybody\n\n"), "Run")
        phone.gets("photo")


def test_buttons_of_another_chat_do_nothing(bot: Bot) -> None:
    first = bot.paired()
    bot.make_default(first, bot.save(name="Mine", values={"prompt": "a fox"}))
    first.say("an owl")
    result = first.gets("photo")
    with member_in(bot, "Eve") as eve:
        other = bot.paired(eve)
        other.say("/help")
        shown = other.hears("/help: this message")
        for label in ("Again", "Use as input"):
            shown.buttons = [("forged", result.button(label))]
            other.press(shown, "forged")
        other.say("/status")
        other.hears("Nothing of yours is running")
        assert other.count("photo") == 0
        assert good(eve.get("/api/jobs"))["jobs"] == []


def test_whoever_is_shut_out_is_a_stranger_to_the_bot(bot: Bot) -> None:
    with member_in(bot, "Out") as out:
        phone = bot.paired(out)
        [chat] = good(out.get("/api/telegram"))["chats"]
        body = {"disabled": True}
        good(bot.owner.patch(f"/api/users/{chat['user_id']}", json=body))
        phone.say("/status")
        phone.hears("This is a private bot.")


def test_groups_and_other_bots_are_not_answered(bot: Bot) -> None:
    phone = bot.phone()
    bot.telegram.say(phone.chat_id, "/start", chat={"id": phone.chat_id, "type": "group"})
    bot.telegram.say(
        phone.chat_id,
        "/start",
        **{"from": {"id": phone.chat_id, "is_bot": True, "first_name": "Robot"}},
    )
    assert bot.paired().texts()
    assert phone.texts() == []


def test_hostile_names_and_texts_are_shown_as_they_are(bot: Bot) -> None:
    phone = bot.phone()
    name = '<img src=x onerror="alert(1)">'
    code = bot.code()
    bot.telegram.say(
        phone.chat_id,
        f"/start {code}",
        **{"from": {"id": phone.chat_id, "is_bot": False, "first_name": name}},
    )
    phone.hears("Welcome")
    names = [chat["name"] for chat in good(bot.owner.get("/api/telegram"))["chats"]]
    assert name in names
    assert all("parse_mode" not in call for call in bot.telegram.asked("sendMessage"))


def test_the_token_is_in_no_log_and_no_answer(bot: Bot) -> None:
    bot.telegram.refuse("getUpdates", 401, f"Unauthorized: {TOKEN}")
    bot.paired()
    shown = [bot.studio.log.read_text(errors="replace"), bot.owner.get("/api/telegram").text]
    shown += [path.read_text(errors="replace") for path in bot.studio.folder.glob("logs/*.log")]
    assert len(shown) > 2
    assert all(TOKEN not in text and TOKEN.partition(":")[2] not in text for text in shown)


def fresh(bot: Bot) -> httpx.Client:
    """A browser that nobody knows."""
    return httpx.Client(base_url=bot.studio.url, headers=OWN_PAGE, timeout=30)


def test_whoever_lost_their_password_gets_a_link_that_works_once(bot: Bot) -> None:
    with member_in(bot, "Forgetful") as browser:
        phone = bot.paired(browser)
        phone.say("/login")
        said = phone.hears("within 15 minutes").text
        token = said.rpartition("/#/join/")[2]
        assert len(token) > 30
        [chat] = good(browser.get("/api/telegram"))["chats"]
        body = {"token": token, "password": "another long password"}
        with fresh(bot) as other:
            assert other.post("/api/join", json=body).status_code == 200
            assert good(other.get("/api/telegram"))["chats"] == [chat]
            assert other.post("/api/join", json=body).status_code != 200
        assert browser.get("/api/telegram").status_code == 401
    events = good(bot.owner.get("/api/activity"))["items"]
    [made] = [each for each in events if each["kind"] == "user.reset_link_made"]
    assert made["subject"] == "Forgetful"
    assert made["data"]["by"] == "telegram"
    shown = [path.read_bytes() for path in bot.studio.folder.rglob("*") if path.is_file()]
    shown.append(bot.studio.log.read_bytes())
    assert all(token.encode() not in text for text in shown)


def test_a_link_into_studio_is_never_for_groups_or_strangers(bot: Bot) -> None:
    phone, stranger = bot.paired(), bot.phone()
    heard = len(phone.texts())
    bot.telegram.say(phone.chat_id, "/login", chat={"id": phone.chat_id, "type": "group"})
    stranger.say("/login")
    stranger.hears("This is a private bot.")
    phone.say("/queue")
    phone.hears("0 running")
    assert len(phone.texts()) == heard + 1
    assert not any("/#/" in text for text in (*phone.texts(), *stranger.texts()))


def test_the_owners_link_sets_a_new_password(bot: Bot) -> None:
    phone = bot.paired()
    phone.say("/login")
    token = phone.hears("/#/setup/").text.rpartition("/#/setup/")[2]
    with fresh(bot) as other:
        body = {"token": token, "password": PASSWORD}
        assert other.post("/api/setup", json=body).status_code == 200
        assert other.get("/api/users").status_code == 200
        bot.owner.cookies.update(other.cookies)
        assert other.post("/api/setup", json=body).status_code != 200
