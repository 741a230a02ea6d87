"""Help with prompts: each step is asked once, and what comes back is checked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.chats import good, member, picture
from tests.api.language_house import open_language_house
from tests.api.studio_process import RunningStudio
from tests.fakes.talker import Talker


@pytest.fixture(autouse=True)
def plain(talker: Talker) -> Any:
    """The title is what the server answers to whatever is not streamed."""
    before = talker.title
    yield
    talker.title = before


@pytest.mark.parametrize("task", ["improve", "expand", "translate"])
def test_a_prompt_is_helped_with(talker: Talker, chatting: httpx.Client, task: str) -> None:
    talker.title = "<think>hm</think>\n a red fox, soft light "

    body = {"task": task, "text": "ein Fuchs", "language": "English"}
    answer = good(chatting.post("/api/language/assist", json=body))

    assert answer == {"text": "a red fox, soft light", "model": "talker"}
    assert talker.titles == ["ein Fuchs"]


def test_a_picture_of_ones_own_is_described(
    talker: Talker, talking_studio: RunningStudio, chatting: httpx.Client
) -> None:
    talker.title = "a red square"
    body = {"task": "describe", "files": [picture(chatting)]}
    assert good(chatting.post("/api/language/assist", json=body))["text"] == "a red square"
    assert "data:image/jpeg;base64," in talker.titles[-1]
    with member(talking_studio) as other:
        answer = other.post("/api/language/assist", json=body)
    assert answer.json()["error"]["code"] == "invalid_chat"


def test_a_server_that_takes_no_picture_is_understood(
    talker: Talker, chatting: httpx.Client
) -> None:
    talker.refuses_pictures = True
    body = {"task": "describe", "files": [picture(chatting)]}

    error = chatting.post("/api/language/assist", json=body).json()["error"]

    assert error["code"] == "model_sees_no_pictures"
    assert "image input is not supported" in error["message"]


def test_a_model_that_is_not_there_any_more_is_not_found(chatting: httpx.Client) -> None:
    body = {"task": "improve", "text": "a fox", "model": "gone"}

    answer = chatting.post("/api/language/assist", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "said",
    [
        'Here: ["A fox wakes.", "It walks.", "It sleeps."]',
        "1. A fox wakes.\n2) It walks.\n\nScene 3: It sleeps.\n- Too much.",
        '["A fox wakes.", "It walks.", 3, "", "It sleeps.", "Too much."]',
    ],
)
def test_scenes_are_read_from_whatever_a_model_writes(
    talker: Talker, chatting: httpx.Client, said: str
) -> None:
    talker.title = said

    body = {"task": "scenes", "text": "a fox's day", "count": 3}
    answer = good(chatting.post("/api/language/assist", json=body))

    assert answer["scenes"] == ["A fox wakes.", "It walks.", "It sleeps."]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task": "delete", "text": "x"},
        {"task": "improve"},
        {"task": "improve", "text": " "},
        {"task": "scenes", "text": "x", "count": 21},
        {"task": "scenes", "text": "x", "count": True},
        {"task": "describe"},
        {"task": "describe", "files": ["no such"]},
        {"task": "improve", "text": "x", "nonsense": 1},
    ],
)
def test_what_cannot_be_helped_with_is_refused(
    talker: Talker, chatting: httpx.Client, body: dict[str, Any]
) -> None:
    answer = chatting.post("/api/language/assist", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_chat")
    assert talker.titles == []


def test_an_answer_without_words_is_told(talker: Talker, chatting: httpx.Client) -> None:
    talker.title = "<think>for ever</think>"

    answer = chatting.post("/api/language/assist", json={"task": "improve", "text": "x"})

    assert answer.json()["error"]["code"] == "language_server_died"


async def test_whoever_hangs_up_lets_go_of_the_server(tmp_path: Path) -> None:
    body = {"task": "improve", "text": "a fox"}
    async with open_language_house(tmp_path) as house, house.client() as client:
        house.fake.goes_on.clear()
        asking = asyncio.create_task(client.post("/api/language/assist", json=body))
        async with asyncio.timeout(30):
            await house.fake.is_asked.wait()
            asking.cancel()
            await house.fake.left.wait()
        await asyncio.gather(asking, return_exceptions=True)
