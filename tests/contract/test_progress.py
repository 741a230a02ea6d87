"""What a client hears while its prompt runs."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from tests.contract.clients import (
    Client,
    Event,
    events,
    fresh_color,
    previews,
    solid,
    text_to_image,
)

STORY = (
    "execution_start",
    "execution_cached",
    "executing",
    "executed",
    "execution_success",
    "execution_error",
)


def test_a_run_is_told_from_start_to_end(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(solid())
        frames = listener.read_run(prompt_id)
    story = events(frames, *STORY)
    assert [(event.type, event.data.get("node")) for event in story] == [
        ("execution_start", None),
        ("execution_cached", None),
        ("executing", "1"),
        ("executing", "2"),
        ("executed", "2"),
        ("execution_success", None),
        ("executing", None),
    ]
    assert all(event.data["prompt_id"] == prompt_id for event in story)
    assert story[1].data["nodes"] == []
    assert story[2].data == {"node": "1", "display_node": "1", "prompt_id": prompt_id}
    assert story[-1].data == {"node": None, "prompt_id": prompt_id}


def test_events_that_the_history_keeps_carry_a_time(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(solid())
        frames = listener.read_run(prompt_id)
    heard = events(frames, "execution_start", "execution_cached", "execution_success")
    assert all(isinstance(event.data["timestamp"], int) for event in heard)
    kept = client.wait(prompt_id)["status"]["messages"]
    assert [[event.type, event.data] for event in heard] == kept


def test_the_executed_event_shows_what_the_history_will_hold(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(solid())
        executed = listener.await_event("executed").data
        listener.read_run(prompt_id)
    assert executed["node"] == executed["display_node"] == "2"
    assert client.wait(prompt_id)["outputs"]["2"] == executed["output"]


def test_every_node_reports_that_it_runs_and_that_it_is_done(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(solid())
        frames = listener.read_run(prompt_id)
    states = events(frames, "progress_state")
    seen = [{key: node["state"] for key, node in state.data["nodes"].items()} for state in states]
    assert seen == [
        {"1": "running"},
        {"1": "finished"},
        {"1": "finished", "2": "running"},
        {"1": "finished", "2": "finished"},
    ]
    assert states[-1].data["prompt_id"] == prompt_id
    assert states[-1].data["nodes"]["2"] == {
        "value": 1,
        "max": 1,
        "state": "finished",
        "node_id": "2",
        "prompt_id": prompt_id,
        "display_node_id": "2",
        "parent_node_id": None,
        "real_node_id": "2",
    }


def test_a_state_comes_before_the_event_that_a_node_is_executing(client: Client) -> None:
    with client.listening() as listener:
        frames = listener.read_run(client.submit(solid()))
    kinds = [event.type for event in events(frames, "progress_state", "executing", "executed")]
    assert kinds == [
        *("progress_state", "executing", "progress_state"),
        *("progress_state", "executing", "executed", "progress_state"),
        "executing",
    ]


def test_every_change_of_the_queue_is_broadcast(client: Client) -> None:
    with client.listening() as listener:
        frames = listener.read_run(client.submit(solid()))
    remaining = [
        event.data["status"]["exec_info"]["queue_remaining"] for event in events(frames, "status")
    ]
    assert remaining == [1, 1, 0]


def test_a_sampler_counts_its_steps(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(text_to_image(client.engine, steps=4))
        frames = listener.read_run(prompt_id)
    progress = [event.data for event in events(frames, "progress") if event.data["node"] == "5"]
    assert progress[0]["value"] <= 1
    assert progress[-1] == {"value": 4, "max": 4, "prompt_id": prompt_id, "node": "5"}
    values = [each["value"] for each in progress]
    assert values == sorted(values)
    assert previews(frames) == []


@pytest.mark.parametrize("method", ["none", "default", "no such method"])
def test_no_previews_come_unless_a_method_makes_them(client: Client, method: str) -> None:
    graph = text_to_image(client.engine, steps=2)
    with client.listening() as listener:
        frames = listener.read_run(client.submit(graph, extra_data={"preview_method": method}))
    assert previews(frames) == []


def test_previews_are_jpegs_for_a_client_that_announced_nothing(client: Client) -> None:
    graph = text_to_image(client.engine, steps=3)
    with client.listening() as listener:
        frames = listener.read_run(client.submit(graph, extra_data={"preview_method": "auto"}))
    shown = previews(frames)
    assert len(shown) == 3
    for preview in shown:
        assert preview.event == 1
        assert preview.metadata is None
        picture = Image.open(BytesIO(preview.image))
        assert picture.format == "JPEG"
        assert max(picture.size) == 512


def test_previews_say_whose_they_are_to_a_client_that_understands(client: Client) -> None:
    graph = text_to_image(client.engine, steps=3)
    with client.listening({"supports_preview_metadata": True}) as listener:
        prompt_id = client.submit(graph, extra_data={"preview_method": "auto"})
        frames = listener.read_run(prompt_id)
    shown = previews(frames)
    assert len(shown) == 3
    for preview in shown:
        assert preview.event == 4
        assert preview.metadata == {
            "node_id": "5",
            "prompt_id": prompt_id,
            "display_node_id": "5",
            "parent_node_id": None,
            "real_node_id": "5",
            "image_type": "image/jpeg",
        }
        assert Image.open(BytesIO(preview.image)).format == "JPEG"


def test_a_client_that_speaks_first_is_told_the_features_of_the_engine(client: Client) -> None:
    with client.listening({"supports_preview_metadata": True}) as listener:
        [answer] = events(listener.frames, "feature_flags")
    assert answer.data == client.http.get("/features").json()
    assert answer.data["supports_preview_metadata"] is True


def test_a_sampled_picture_has_the_size_of_its_latent(client: Client) -> None:
    entry = client.run(text_to_image(client.engine, steps=1, size=72))
    assert client.image(entry["outputs"]["7"]["images"][0]).size == (72, 72)


def test_a_failing_node_ends_the_run_with_an_error(client: Client) -> None:
    graph = solid("../outside")
    with client.listening() as listener:
        prompt_id = client.submit(graph)
        frames = listener.read_run(prompt_id)
    [error] = events(frames, "execution_error")
    assert error.data.keys() == {
        *("prompt_id", "node_id", "node_type", "executed", "exception_message"),
        *("exception_type", "traceback", "current_inputs", "current_outputs", "timestamp"),
    }
    assert error.data["node_id"] == "2"
    assert error.data["node_type"] == "SaveImage"
    assert error.data["executed"] == ["1"]
    assert error.data["exception_message"].endswith("\n")
    assert error.data["current_inputs"]["filename_prefix"] == ["../outside"]
    assert sorted(error.data["current_outputs"]) == ["1", "2"]
    assert events(frames, "execution_success") == []
    entry = client.wait(prompt_id)
    assert entry["status"]["status_str"] == "error"
    assert entry["status"]["completed"] is False
    assert entry["outputs"] == {}
    assert entry["status"]["messages"][-1] == ["execution_error", error.data]


def test_a_file_that_is_no_picture_fails_when_it_is_loaded(client: Client) -> None:
    name = f"broken{fresh_color()}.png"
    client.http.post("/upload/image", files={"image": (name, b"this is no picture")})
    graph = solid()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": name}}
    entry = client.run(graph)
    kind, error = entry["status"]["messages"][-1]
    assert kind == "execution_error"
    assert error["node_id"] == "1"
    assert client.run(solid())["status"]["completed"]


def test_a_prompt_without_a_client_id_is_told_to_nobody_but_its_progress_to_all(
    client: Client,
) -> None:
    with client.listening() as listener:
        prompt_id = client.http.post("/prompt", json={"prompt": solid()}).json()["prompt_id"]
        client.wait(prompt_id)
        frames = listener.drain()
    assert {frame.type for frame in frames if isinstance(frame, Event)} == {
        "status",
        "progress_state",
    }
