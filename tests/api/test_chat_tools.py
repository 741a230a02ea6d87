"""Studio as a model's tools: presets listed and run, asked about, limited, refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.api.chats import ask, begin, good, last, member, messages, say, until
from tests.api.presets import SMALL, WORKFLOW
from tests.api.studio_process import RunningStudio
from tests.fakes.talker import Say, Talker


@pytest.fixture
def preset(chatting: httpx.Client) -> dict[str, Any]:
    """A preset that draws something small."""
    body = {"name": "Small fox", "workflow_id": WORKFLOW, "values": {**SMALL, "prompt": "a fox"}}
    return good(chatting.post("/api/presets", json=body), 201)


def run(preset: dict[str, Any], **values: Any) -> tuple[str, dict[str, Any]]:
    return "run_preset", {"preset": preset["id"], "values": values}


def told(talker: Talker) -> list[str]:
    """What the model was told of its tools the last time."""
    return [each["content"] for each in talker.asked[-1]["messages"] if each["role"] == "tool"]


def test_a_model_looks_at_presets_and_draws(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    talker.will_say(
        Say("I look.", calls=[("list_presets", {"query": "small"})]),
        Say(calls=[("run_preset", {"preset": "small FOX", "values": {"prompt": "a red fox"}})]),
        "Here it is.",
    )
    chat = begin(chatting)

    reply = ask(chatting, chat, "Draw a red fox.")

    assert reply["text"] == "Here it is."
    looked, drew = (each["calls"][0] for each in messages(chatting, chat)[1:3])
    [listed] = [
        each for each in json.loads(looked["result"])["presets"] if each["id"] == preset["id"]
    ]
    assert listed["makes"] == "image"
    assert {"id": "prompt", "type": "text", "required": False, "value": "a fox"} in listed["inputs"]
    assert (drew["state"], drew["title"]) == ("done", "Small fox")
    [asset] = drew["assets"]
    assert f"asset {asset}" in told(talker)[-1]
    job = good(chatting.get(f"/api/jobs/{drew['job_id']}"))
    assert job["status"] == "succeeded"
    assert chatting.get(f"/api/v2/assets/{asset}/content").status_code == 200
    assert [each["role"] for each in talker.asked[-1]["messages"][-5:]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]


def test_a_list_of_many_presets_leaves_room_in_a_small_context(
    talker: Talker, chatting: httpx.Client
) -> None:
    made = [
        good(
            chatting.post(
                "/api/presets",
                json={
                    "name": f"Heron number {number} of the long list",
                    "workflow_id": WORKFLOW,
                    "values": {**SMALL, "prompt": "a heron in the reeds " * 9},
                },
            ),
            201,
        )["id"]
        for number in range(30)
    ]
    talker.will_say(
        Say(calls=[("list_presets", {})]),
        Say(calls=[("list_presets", {"query": "heron number 7 of"})]),
        Say(calls=[("list_presets", {"query": "heron"})]),
        "Many.",
    )
    chat = begin(chatting, options={"context": 4096})

    reply = ask(chatting, chat, "Which presets are there?")

    assert (reply["status"], reply["text"], reply["dropped"]) == ("done", "Many.", 0)
    every, one, again = (json.loads(result) for result in told(talker))
    assert len(every["presets"]) + every["left_out"] == every["total"] >= 30
    assert {name for each in every["presets"] for name in each} == {"id", "name", "makes"}
    assert [each["id"] for each in one["presets"]] == [made[7]]
    assert any(each["id"] == "prompt" for each in one["presets"][0]["inputs"])
    assert len(again["presets"]) + again["left_out"] == 30
    # At two bytes a token, which ids come close to.
    assert sum(len(result) for result in told(talker)) / 2 < 4096 * 0.75
    for preset_id in made:
        assert chatting.delete(f"/api/presets/{preset_id}").status_code == 204


def test_a_turn_has_five_calls_and_no_more(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    looks: list[tuple[str, dict[str, Any]]] = [("list_presets", {})] * 3
    talker.will_say(Say(calls=looks), Say(calls=[*looks[:2], run(preset)]), "Enough.")
    chat = begin(chatting)

    assert ask(chatting, chat, "Look around.")["text"] == "Enough."

    states = [call["state"] for each in messages(chatting, chat) for call in each["calls"]]
    assert states == ["done"] * 5 + ["failed"]
    assert "at most 5 calls" in told(talker)[-1]
    assert messages(chatting, chat)[2]["calls"][2]["job_id"] is None
    talker.will_say(Say(calls=looks[:1]), "Again.")
    ask(chatting, chat, "And again.")
    assert "at most 5" not in told(talker)[-1]


def test_what_a_tool_refuses_is_told_to_the_model_and_shown(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    talker.will_say(
        Say(
            calls=[("run_preset", {"preset": "no such"}), ("delete_all", {}), run(preset, steps=-1)]
        ),
        "I cannot.",
    )
    chat = begin(chatting)

    assert ask(chatting, chat, "Try.")["text"] == "I cannot."

    unknown, foreign, wrong = messages(chatting, chat)[1]["calls"]
    assert [unknown["state"], foreign["state"], wrong["state"]] == ["failed"] * 3
    assert unknown["result"].startswith("Refused (not_found)")
    assert foreign["result"] == "There is no such tool."
    assert wrong["result"].startswith("Refused (invalid_value)")


def test_a_quota_refuses_a_members_tool_too(
    talker: Talker, talking_studio: RunningStudio, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    good(chatting.patch(f"/api/presets/{preset['id']}", json={"shared": True}))
    good(chatting.post("/api/queue/pause"))
    try:
        with member(talking_studio) as other:
            while other.post(f"/api/presets/{preset['id']}/run", json={"count": 100}).is_success:
                pass
            while other.post(f"/api/presets/{preset['id']}/run", json={}).is_success:
                pass
            talker.will_say(Say(calls=[run(preset)]), "Later, then.")
            chat = begin(other)
            assert ask(other, chat, "Draw.")["text"] == "Later, then."
            [call] = messages(other, chat)[1]["calls"]
            assert call["result"].startswith("Refused (queue_full)")
            assert call["error"]["code"] == "queue_full"
            assert call["error"]["details"]["quota"] == "jobs"
            good(other.post("/api/queue/clear"))
    finally:
        good(chatting.post("/api/queue/clear"))
        good(chatting.post("/api/queue/resume"))


def test_one_who_may_not_see_a_preset_cannot_have_it_run_by_a_model(
    talker: Talker, talking_studio: RunningStudio, preset: dict[str, Any]
) -> None:
    with member(talking_studio) as other:
        talker.will_say(Say(calls=[run(preset)]), "No.")
        chat = begin(other)
        ask(other, chat, "Draw.")
        [call] = messages(other, chat)[1]["calls"]
        assert call["result"].startswith("Refused (not_found)")


def test_stopping_a_reply_cancels_what_it_draws(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    good(chatting.post("/api/queue/pause"))
    try:
        talker.will_say(Say(calls=[run(preset)]))
        chat = begin(chatting)
        say(chatting, chat, "Draw.")
        calls = until(
            lambda: [each for each in last(chatting, chat)["calls"] if each["job_id"]], "a job"
        )
        good(chatting.post(f"/api/chats/{chat}/stop"))
        found = last(chatting, chat)
        assert (found["status"], found["calls"][0]["state"]) == ("stopped", "stopped")
        job = good(chatting.get(f"/api/jobs/{calls[0]['job_id']}"))
        assert job["status"] == "canceled"
    finally:
        good(chatting.post("/api/queue/resume"))


def test_a_conversation_without_tools_offers_none(talker: Talker, chatting: httpx.Client) -> None:
    ask(chatting, begin(chatting, tools=False), "Hello")

    assert "tools" not in talker.asked[-1]


@pytest.fixture
def film(chatting: httpx.Client) -> dict[str, Any]:
    """A preset that makes a video: nobody knows how long that takes."""
    workflow = good(chatting.get("/api/workflows/text-to-video"))
    assert workflow["id"] == "text-to-video"
    values = {"prompt": "a fox walks"}
    body = {"name": "Fox film", "workflow_id": "text-to-video", "values": values}
    return good(chatting.post("/api/presets", json=body), 201)


def test_a_video_of_unknown_length_is_asked_about_and_not_run_against_ones_will(
    talker: Talker, chatting: httpx.Client, film: dict[str, Any]
) -> None:
    talker.will_say(Say("A film?", calls=[run(film)]), "As you like.")
    chat = begin(chatting)

    asking = ask(chatting, chat, "Make a film.")

    assert asking["status"] == "asking"
    [call] = asking["calls"]
    assert (call["state"], call["job_id"], call["expected_ms"]) == ("asking", None, None)
    at = f"/api/chats/{chat}/messages/{asking['id']}/calls"
    assert chatting.post(f"{at}/1", json={"run": True}).status_code == 409
    assert chatting.post(f"{at}/0", json={"run": "yes"}).status_code == 422
    good(chatting.post(f"{at}/0", json={"run": False}))
    reply = until(lambda: _done(chatting, chat), "the reply goes on")
    assert reply["text"] == "As you like."
    assert told(talker) == ["The user does not want this to run."]
    assert chatting.post(f"{at}/0", json={"run": True}).status_code == 409


def test_a_video_that_is_agreed_to_is_submitted(
    talker: Talker, chatting: httpx.Client, film: dict[str, Any]
) -> None:
    talker.will_say(Say(calls=[run(film)]), "So be it.")
    chat = begin(chatting)
    asking = ask(chatting, chat, "Make a film.")

    good(chatting.post(f"/api/chats/{chat}/messages/{asking['id']}/calls/0", json={"run": True}))

    assert until(lambda: _done(chatting, chat), "the reply goes on")["text"] == "So be it."
    [call] = messages(chatting, chat)[1]["calls"]
    # The embedded engine makes no such films: it was asked, and that is told.
    assert call["state"] == "failed"
    assert call["result"].startswith(("Refused (", "It did not work"))


def test_two_questions_that_are_answered_at_once_are_both_answered(
    talker: Talker, chatting: httpx.Client, film: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(2) as hands:
        for _ in range(5):
            talker.will_say(Say(calls=[run(film), run(film)]), "As you like.")
            chat = begin(chatting)
            asking = ask(chatting, chat, "Make two films.")
            at = f"/api/chats/{chat}/messages/{asking['id']}/calls"
            paths = [f"{at}/{number}" for number in range(2)]
            answers = list(hands.map(lambda path: chatting.post(path, json={"run": False}), paths))

            assert [answer.status_code for answer in answers] == [200, 200]
            until(partial(_done, chatting, chat), "the reply goes on")
            states = [call["state"] for call in messages(chatting, chat)[1]["calls"]]
            assert states == ["declined", "declined"]


LARGE = {"size": {"width": 2048, "height": 2048}, "steps": 100}


def test_a_large_picture_of_a_preset_that_never_ran_is_asked_about(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    talker.will_say(Say(calls=[run(preset, **LARGE)]))

    asking = ask(chatting, begin(chatting), "A large one.")

    assert asking["status"] == "asking"
    assert asking["calls"][0]["expected_ms"] is None


def test_a_number_that_is_a_question_counts_as_what_is_answered(
    talker: Talker, chatting: httpx.Client
) -> None:
    values = {**SMALL, **LARGE, "prompt": "a fox", "steps": "[[steps=How many?:2|100]]"}
    body = {"name": "As fine as you like", "workflow_id": WORKFLOW, "values": values}
    fine = good(chatting.post("/api/presets", json=body), 201)["id"]
    talker.will_say(
        Say(
            calls=[
                ("run_preset", {"preset": fine}),
                ("run_preset", {"preset": fine, "answers": {"steps": "100"}}),
                ("run_preset", {"preset": fine, "answers": {"steps": "100", "other": "x"}}),
            ]
        )
    )

    asking = ask(chatting, begin(chatting), "A fine one.")

    assert asking["status"] == "asking"
    missing, long, left_over = asking["calls"]
    assert (long["state"], long["job_id"]) == ("asking", None)
    assert missing["result"].startswith("Refused (invalid_answers)")
    assert left_over["result"].startswith("Refused (invalid_answers)")


def test_what_earlier_runs_took_says_how_long_a_larger_one_will(
    talker: Talker, chatting: httpx.Client, preset: dict[str, Any]
) -> None:
    talker.will_say(Say(calls=[run(preset)]), "Here.", Say(calls=[run(preset, steps=3)]), "Here.")
    chat = begin(chatting)
    assert ask(chatting, chat, "A small one.")["status"] == "done"
    assert ask(chatting, chat, "One with a step more.")["status"] == "done"
    more = messages(chatting, chat)[4]["calls"][0]
    assert 0 < more["expected_ms"] <= 60_000

    talker.will_say(Say(calls=[run(preset, **LARGE)]))
    asking = ask(chatting, chat, "A large one.")

    assert asking["status"] == "asking"
    assert asking["calls"][0]["expected_ms"] > 60_000


def _done(client: httpx.Client, chat: str) -> dict[str, Any] | None:
    found = last(client, chat)
    return found if found["status"] == "done" else None
