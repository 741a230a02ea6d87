"""Films are planned in rows: each step is kept, and nobody else sees any of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.chats import good, member, picture
from tests.api.studio_process import RunningStudio

SCENES = [{"text": "A fox wakes.", "seconds": 5.0}, {"text": "It sleeps.", "seconds": 2.5}]


def test_each_step_of_a_film_is_kept(chatting: httpx.Client) -> None:
    asset = picture(chatting)
    film = good(chatting.post("/api/films", json={"picture": asset}), 201)
    assert (film["description"], film["scenes"], film["count"]) == ("", [], 3)
    at = f"/api/films/{film['id']}"

    good(chatting.patch(at, json={"description": "a fox's day", "count": 2}))
    good(chatting.patch(at, json={"scenes": SCENES}))
    good(chatting.patch(at, json={"workflow_id": "text-to-video"}))

    kept = good(chatting.get(at))
    assert (kept["picture"], kept["description"], kept["count"]) == (asset, "a fox's day", 2)
    assert (kept["scenes"], kept["workflow_id"], kept["preset_id"]) == (
        SCENES,
        "text-to-video",
        None,
    )
    assert good(chatting.get("/api/films"))["items"][0] == kept
    good(chatting.patch(at, json={"scenes": SCENES[1:], "picture": None}))
    assert good(chatting.get(at))["scenes"] == SCENES[1:]
    assert chatting.delete(at).status_code == 204
    assert chatting.get(at).status_code == 404


def test_a_film_is_nobody_elses(talking_studio: RunningStudio, chatting: httpx.Client) -> None:
    asset = picture(chatting)
    with member(talking_studio) as other:
        film = good(other.post("/api/films", json={"description": "mine"}), 201)
        at = f"/api/films/{film['id']}"
        for answer in (
            chatting.get(at),
            chatting.patch(at, json={"description": "yours"}),
            chatting.delete(at),
            other.patch(at, json={"picture": asset}),
            other.post("/api/films", json={"picture": asset}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
        listed = good(chatting.get("/api/films"))["items"]
        assert film["id"] not in {each["id"] for each in listed}
        assert good(other.get(at))["description"] == "mine"


def test_a_film_outlives_its_picture(chatting: httpx.Client) -> None:
    asset = picture(chatting, side=41)
    at = f"/api/films/{good(chatting.post('/api/films', json={'picture': asset}), 201)['id']}"
    assert chatting.delete(f"/api/v2/assets/{asset}").status_code in (200, 204)

    assert good(chatting.get(at))["picture"] is None
    good(chatting.patch(at, json={"description": "without it"}))


@pytest.mark.parametrize(
    "body",
    [
        {"nonsense": 1},
        {"description": 1},
        {"description": "x" * 8001},
        {"count": 0},
        {"count": True},
        {"scenes": "x"},
        {"scenes": [{"text": "x"}]},
        {"scenes": [{"text": "x", "seconds": 0}]},
        {"scenes": [{"text": "x", "seconds": True}]},
        {"scenes": [{"text": 1, "seconds": 1}]},
        {"scenes": SCENES * 11},
        {"picture": 1},
    ],
)
def test_what_is_no_step_is_refused(chatting: httpx.Client, body: dict[str, Any]) -> None:
    answer = chatting.post("/api/films", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_chat")


def test_only_what_makes_videos_can_make_a_film(chatting: httpx.Client) -> None:
    video = {"name": "A film", "workflow_id": "text-to-video", "values": {"prompt": "x"}}
    still = {"name": "A still", "workflow_id": "text-to-image", "values": {"prompt": "x"}}
    made = [good(chatting.post("/api/presets", json=body), 201)["id"] for body in (video, still)]

    makers = good(chatting.get("/api/films/makers"))["items"]

    presets = {each["id"]: each for each in makers if each["kind"] == "preset"}
    assert presets[made[0]]["values"] == {"prompt": "x"}
    assert made[1] not in presets
    workflows = {each["id"] for each in makers if each["kind"] == "workflow"}
    assert {"text-to-video", "wan22-scenes"} <= workflows
    assert "text-to-image" not in workflows
