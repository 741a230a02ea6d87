"""Conversations over HTTP: pictures, search, export, presets, and whose they are."""

from __future__ import annotations

import base64
import io
from threading import Event

import httpx
import pytest
from PIL import Image

from tests.api.chats import (
    ask,
    begin,
    good,
    member,
    messages,
    picture,
    say,
    upload,
)
from tests.api.studio_process import RunningStudio
from tests.fakes.talker import Say, Talker


def test_a_picture_goes_to_the_model_as_small_jpeg(talker: Talker, chatting: httpx.Client) -> None:
    chat = begin(chatting, tools=False)
    asset = picture(chatting, 3000)

    ask(chatting, chat, "What is this?", files=[asset])

    shown, asked = talker.asked[-1]["messages"][-1]["content"]
    assert asked == {"type": "text", "text": "What is this?"}
    head, _, data = shown["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as small:
        assert small.size == (1024, 1024)
    assert messages(chatting, chat)[0]["files"] == [asset]


def test_only_pictures_of_ones_own_can_be_attached(
    talker: Talker, talking_studio: RunningStudio, chatting: httpx.Client
) -> None:
    words = upload(chatting, b"words", "text/plain", "a.txt")
    chat = begin(chatting)
    body = {"text": "Look", "files": [words]}
    answer = chatting.post(f"/api/chats/{chat}/messages", json=body)
    assert answer.json()["error"]["code"] == "invalid_chat"
    with member(talking_studio) as other:
        foreign = picture(other)
    body = {"text": "Look", "files": [foreign]}
    assert chatting.post(f"/api/chats/{chat}/messages", json=body).status_code == 404
    assert messages(chatting, chat) == []
    assert talker.asked == []


def test_conversations_are_found_by_their_words(talker: Talker, chatting: httpx.Client) -> None:
    talker.will_say("The quokka smiles.", "Nothing.")
    first, second = begin(chatting), begin(chatting)
    ask(chatting, first, "Tell me of an animal")
    ask(chatting, second, "Tell me of nothing")

    found = good(chatting.get("/api/chats", params={"q": "quok"}))

    assert [each["id"] for each in found["items"]] == [first]
    assert "quokka" in found["items"][0]["snippet"]
    assert found["total"] == 1
    chatting.patch(f"/api/chats/{second}", json={"title": "Quoka, misspelt"})
    found = good(chatting.get("/api/chats", params={"q": "misspelt"}))
    assert [each["id"] for each in found["items"]] == [second]
    assert good(chatting.get("/api/chats", params={"q": '" OR 1 *'}))["total"] == 0


def test_a_conversation_is_exported_as_json_and_as_markdown(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say("# Yes\n\n*indeed*")
    chat = begin(chatting, title="Two\u2028lines".replace("\u2028", " "), system="Be kind.")
    ask(chatting, chat, "Really?")

    exported = good(chatting.get(f"/api/chats/{chat}/export"))
    read = chatting.get(f"/api/chats/{chat}/export", params={"format": "markdown"})

    assert [each["text"] for each in exported["messages"]] == ["Really?", "# Yes\n\n*indeed*"]
    assert read.headers["content-type"] == "text/markdown; charset=utf-8"
    assert read.text.startswith("# Two lines\n\n> Be kind.\n\n**You**")
    assert "# Yes\n\n*indeed*" in read.text
    answer = chatting.get(f"/api/chats/{chat}/export", params={"format": "exe"})
    assert answer.status_code == 400


def test_a_deleted_conversation_leaves_nothing_that_can_be_found(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say("The axolotl.", Say("never", holds=Event()))
    chat = begin(chatting)
    ask(chatting, chat, "An animal?")
    say(chatting, chat, "Another?")

    assert chatting.delete(f"/api/chats/{chat}").status_code == 204

    assert chatting.get(f"/api/chats/{chat}").status_code == 404
    assert good(chatting.get("/api/chats", params={"q": "axolotl"}))["total"] == 0


def test_nobody_sees_the_conversations_of_others_nor_does_the_owner(
    talker: Talker, talking_studio: RunningStudio, chatting: httpx.Client
) -> None:
    with member(talking_studio) as other:
        chat = begin(other, title="Mine alone")
        reply = ask(other, chat, "A secret word: xylograph")["id"]
        at = f"/api/chats/{chat}"
        asked = [
            chatting.get(at),
            chatting.patch(at, json={"title": "Taken"}),
            chatting.delete(at),
            chatting.get(f"{at}/export"),
            chatting.get(f"{at}/events"),
            chatting.post(f"{at}/stop"),
            chatting.post(f"{at}/messages", json={"text": "Hello"}),
            chatting.post(f"{at}/messages/{reply}/regenerate", json={}),
            chatting.post(f"{at}/messages/{reply}/continue"),
            chatting.post(f"{at}/messages/{reply}/calls/0", json={"run": True}),
        ]
        assert [each.status_code for each in asked] == [404] * len(asked)
        assert good(chatting.get("/api/chats", params={"q": "xylograph"}))["total"] == 0
        own = begin(chatting)
        body = {"text": "Hello", "parent": reply}
        assert chatting.post(f"/api/chats/{own}/messages", json=body).status_code == 404
        assert chatting.patch(f"/api/chats/{own}", json={"tip": reply}).status_code == 404
        assert good(other.get(at))["title"] == "Mine alone"


def test_a_shared_chat_preset_begins_conversations_of_others_and_only_its_user_changes_it(
    talker: Talker, talking_studio: RunningStudio, chatting: httpx.Client
) -> None:
    fields = {
        "name": "Pirate",
        "system": "Talk like a pirate.",
        "examples": [{"user": "Hello", "assistant": "Ahoy!"}],
        "options": {"temperature": 1.2, "max_tokens": 300},
        "tools": False,
    }
    preset = good(chatting.post("/api/chat-presets", json=fields), 201)
    at = f"/api/chat-presets/{preset['id']}"
    with member(talking_studio) as other:
        assert other.get(at).status_code == 404
        good(chatting.patch(at, json={"shared": True}))
        assert good(other.get(at))["editable"] is False
        assert other.patch(at, json={"name": "Mine"}).status_code == 404
        assert other.delete(at).status_code == 404
        ask(other, begin(other, preset_id=preset["id"]), "Who are you?")
    sent = talker.asked[-1]
    assert [each["content"] for each in sent["messages"]] == [
        "Talk like a pirate.",
        "Hello",
        "Ahoy!",
        "Who are you?",
    ]
    assert (sent["temperature"], sent["max_tokens"]) == (1.2, 300)
    assert "tools" not in sent
    assert chatting.delete(at).status_code == 204
    assert chatting.get(at).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"system": 7},
        {"system": "x" * 20_001},
        {"examples": [{"user": "Hello"}]},
        {"examples": [{"user": "", "assistant": "x"}]},
        {"options": {"temperature": 3}},
        {"options": {"max_tokens": 1.5}},
        {"options": {"temperature": True}},
        {"options": {"nonsense": 1}},
        {"tools": "yes"},
        {"title": "two\nlines\u0007"},
        {"nonsense": 1},
    ],
)
def test_a_field_that_does_not_fit_is_named(
    chatting: httpx.Client, fields: dict[str, object]
) -> None:
    answer = chatting.post("/api/chats", json=fields)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_chat"


def test_a_model_that_is_gone_is_told_and_another_can_go_on(
    talker: Talker, chatting: httpx.Client
) -> None:
    chat = begin(chatting, model="gone")

    refused = chatting.post(f"/api/chats/{chat}/messages", json={"text": "Hello?"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert messages(chatting, chat) == []
    good(chatting.patch(f"/api/chats/{chat}", json={"model": "talker"}))
    talker.will_say("Hello.")
    assert ask(chatting, chat, "Hello?")["text"] == "Hello."


def test_what_a_model_thought_is_exported_apart_and_never_sent_back(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say(Say("Four.", thoughts="Two and two, hm."), "Yes.")
    chat = begin(chatting)
    ask(chatting, chat, "2 + 2?")
    ask(chatting, chat, "Sure?")

    assert "hm." not in str(talker.asked[-1]["messages"])
    exported = good(chatting.get(f"/api/chats/{chat}/export"))["messages"][1]
    assert (exported["text"], exported["thoughts"]) == ("Four.", "Two and two, hm.")
    markdown = chatting.get(f"/api/chats/{chat}/export?format=markdown").text
    assert "hm." not in markdown
