"""Replies over HTTP: written whoever reads, stopped, broken off, branched, trimmed."""

from __future__ import annotations

from threading import Event

import httpx

from tests.api.chats import (
    ask,
    begin,
    events,
    good,
    last,
    message,
    messages,
    over,
    say,
    until,
)
from tests.fakes.talker import Say, Talker


def test_a_reply_is_stored_message_by_message_with_its_title_by_the_model(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say(Say("Foxes are red.", thoughts="What is a fox?"))
    chat = begin(chatting, system="Be short.", options={"temperature": 0.5})

    reply = ask(chatting, chat, "What are foxes?")

    assert reply["text"] == "Foxes are red."
    assert reply["thoughts"] == "What is a fox?"
    assert reply["status"] == "done"
    assert reply["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "finish": "stop"}
    assert [each["role"] for each in messages(chatting, chat)] == ["user", "assistant"]
    sent = talker.asked[0]
    assert sent["temperature"] == 0.5
    assert sent["messages"][0]["content"].startswith("Be short.")
    assert sent["messages"][-1] == {"role": "user", "content": "What are foxes?"}
    until(
        lambda: chatting.get(f"/api/chats/{chat}").json()["title"] == "A found title",
        "the model finds a title",
    )


def test_thoughts_in_the_words_themselves_are_told_apart(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say("<think> hm, seven </think> Seven.")

    reply = ask(chatting, begin(chatting), "How many?")

    assert (reply["thoughts"], reply["text"]) == ("hm, seven", "Seven.")


def test_a_reply_is_finished_though_its_reader_has_left(
    talker: Talker, chatting: httpx.Client
) -> None:
    held = Event()
    talker.will_say(Say("one two three four", holds=held, words_before=2))
    chat = begin(chatting)
    reply = say(chatting, chat, "Count.")
    with chatting.stream("GET", f"/api/chats/{chat}/events") as stream:
        for kind, _, data in events(stream.iter_lines()):
            if kind in ("text", "message") and "two" in data["text"]:
                break
    held.set()

    assert over(chatting, chat)["text"] == "one two three four"
    assert message(chatting, chat, reply)["status"] == "done"
    assert talker.hung_up == 0


def test_a_reader_resumes_where_it_was_cut_off(talker: Talker, chatting: httpx.Client) -> None:
    held = Event()
    talker.will_say(Say("🦊 two three four", holds=held, words_before=2))
    chat = begin(chatting)
    say(chatting, chat, "Count.")
    with chatting.stream("GET", f"/api/chats/{chat}/events") as stream:
        read = events(stream.iter_lines())
        mark = next(mark for _, mark, data in read if "two" in data["text"])
    held.set()
    headers = {"Last-Event-ID": mark}
    with chatting.stream("GET", f"/api/chats/{chat}/events", headers=headers) as stream:
        later = list(events(stream.iter_lines()))

    assert later[-1][0] == "end"
    added = "".join(data["text"] for kind, _, data in later if kind in ("text", "message"))
    assert added == ("three four" if len(later) > 1 else "")
    assert over(chatting, chat)["text"] == "🦊 two three four"


def test_a_stopped_reply_keeps_what_it_had_and_its_server_is_let_go(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say(Say("one two three", holds=Event(), words_before=2))
    before = talker.hung_up
    chat = begin(chatting)
    say(chatting, chat, "Count.")
    until(lambda: "two" in last(chatting, chat)["text"], "two words come")

    good(chatting.post(f"/api/chats/{chat}/stop"))

    found = last(chatting, chat)
    assert (found["status"], found["text"].strip()) == ("stopped", "one two")
    until(lambda: talker.hung_up == before + 1, "the server is let go")


def test_a_server_that_dies_ends_the_reply_with_a_code_and_its_text_is_kept(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say(Say("one two three", dies=True, words_before=2), "two three")
    chat = begin(chatting)

    reply = ask(chatting, chat, "Count.")

    assert reply["status"] == "failed"
    assert reply["error"]["code"] == "language_server_died"
    assert reply["text"].strip() == "one two"
    good(chatting.post(f"/api/chats/{chat}/messages/{reply['id']}/continue"), 201)
    assert over(chatting, chat)["parent"] == reply["id"]
    assert talker.asked[-1]["messages"][-2] == {"role": "assistant", "content": reply["text"]}
    assert "Go on exactly" in talker.asked[-1]["messages"][-1]["content"]


def test_a_refusal_of_the_server_is_the_replys_error(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say(*[Say(refuses=(400, "too many tokens"))] * 2)

    reply = ask(chatting, begin(chatting), "Hello")

    assert reply["status"] == "failed"
    assert reply["error"] == {"code": "invalid_request", "message": "too many tokens"}


def test_a_model_without_tools_answers_all_the_same(talker: Talker, chatting: httpx.Client) -> None:
    talker.refuses_tools = True
    chat = begin(chatting)

    reply = ask(chatting, chat, "Hello")

    assert (reply["status"], reply["text"]) == ("done", "I heard you.")
    assert ["tools" in each for each in talker.asked] == [True, False]


def test_an_edited_message_is_a_branch_of_its_own(talker: Talker, chatting: httpx.Client) -> None:
    talker.will_say("A1", "B1", "A2")
    chat = begin(chatting)
    ask(chatting, chat, "first")
    ask(chatting, chat, "second")
    first = messages(chatting, chat)[0]

    edited = ask(chatting, chat, "first, better", parent=first["parent"])

    assert edited["text"] == "A2"
    sent = [each["content"] for each in talker.asked[-1]["messages"] if each["role"] == "user"]
    assert sent == ["first, better"]
    assert len(messages(chatting, chat)) == 6
    old = messages(chatting, chat)[3]
    assert good(chatting.patch(f"/api/chats/{chat}", json={"tip": old["id"]}))["tip"] == old["id"]
    ask(chatting, chat, "third")
    sent = [each["content"] for each in talker.asked[-1]["messages"] if each["role"] == "user"]
    assert sent == ["first", "second", "third"]


def test_a_regenerated_reply_stands_beside_the_old_one(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.will_say("one", "another")
    chat = begin(chatting)
    old = ask(chatting, chat, "Say a word")

    good(chatting.post(f"/api/chats/{chat}/messages/{old['id']}/regenerate", json={}), 201)

    new = over(chatting, chat)
    assert (new["text"], new["parent"]) == ("another", old["parent"])
    assert message(chatting, chat, old["id"])["text"] == "one"
    assert "one" not in [each["content"] for each in talker.asked[-1]["messages"]]


def test_one_conversation_has_one_reply_at_a_time(talker: Talker, chatting: httpx.Client) -> None:
    held = Event()
    talker.will_say(Say("one two", holds=held))
    chat = begin(chatting)
    say(chatting, chat, "Count.")

    answer = chatting.post(f"/api/chats/{chat}/messages", json={"text": "And again."})

    assert answer.json()["error"]["code"] == "reply_running"
    assert len(messages(chatting, chat)) == 2
    held.set()
    over(chatting, chat)


def test_so_many_replies_are_written_at_once_and_no_more(
    talker: Talker, chatting: httpx.Client
) -> None:
    held = Event()
    talker.will_say(*[Say("one two", holds=held) for _ in range(4)])
    chats = [begin(chatting) for _ in range(5)]
    for chat in chats[:4]:
        say(chatting, chat, "Count.")

    answer = chatting.post(f"/api/chats/{chats[4]}/messages", json={"text": "Count."})

    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "too_many_replies"
    assert answer.headers["Retry-After"]
    held.set()
    for chat in chats[:4]:
        over(chatting, chat)


def test_what_does_not_fit_is_dropped_and_told_but_never_the_system_prompt(
    talker: Talker, chatting: httpx.Client
) -> None:
    chat = begin(chatting, system="You are a canary.", options={"context": 2048}, tools=False)
    for number in range(6):
        ask(chatting, chat, f"{number} " + "word " * 300)

    sent = talker.asked[-1]["messages"]
    assert sent[0] == {"role": "system", "content": "You are a canary."}
    assert sent[1]["content"].startswith("3 ")
    assert sent[-1]["content"].startswith("5 ")
    assert last(chatting, chat)["dropped"] == 6
