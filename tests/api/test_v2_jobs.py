"""Comfy API v2's jobs, asked over HTTP."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections import Counter

import httpx
import pytest
from PIL import Image

from tests.api.graphs import (
    TERMINAL,
    code_of,
    endless,
    fresh_png,
    get_job,
    invert,
    solid,
    submit_v2,
    text_to_image,
    upload,
    wait_ended,
    wait_for_status,
)
from tests.api.studio_process import RunningStudio

JOBS = "/api/v2/jobs"


def pixel(picture: bytes) -> tuple[int, int, int]:
    """The first pixel of a picture."""
    with Image.open(io.BytesIO(picture)) as image:
        red, green, blue = image.convert("RGB").resize((1, 1)).tobytes()
        return red, green, blue


def test_a_submitted_job_succeeds_with_its_picture(owner: httpx.Client) -> None:
    submitted = submit_v2(owner, solid("holiday/red"))
    assert submitted["status"] in ("queued", "running")
    assert submitted["urls"]["self"] == f"/api/v2/jobs/{submitted['id']}"

    job = wait_ended(owner, submitted["id"])

    assert job["status"] == "succeeded"
    [output] = job["outputs"]
    assert output["node_id"] == "2"
    assert output["type"] == "image"
    assert output["content_type"] == "image/png"
    assert output["name"] == "red_00001_.png"
    assert output["job_id"] == job["id"]
    content = httpx.get(output["url"]).content
    assert len(content) == output["size_bytes"]
    assert content.startswith(b"\x89PNG")


def test_every_link_of_a_job_can_be_followed(owner: httpx.Client) -> None:
    job = submit_v2(owner, solid())
    urls = wait_ended(owner, job["id"])["urls"]
    assert owner.get(urls["self"]).json()["id"] == job["id"]
    assert owner.get(urls["events"]).headers["content-type"].startswith("text/event-stream")
    assert owner.post(urls["cancel"]).json()["id"] == job["id"]


def test_the_workflow_of_a_job_is_what_was_submitted(owner: httpx.Client) -> None:
    asset = upload(owner, fresh_png(), "workflow-source.png")
    graph = invert({"__type": "core/ASSET", "info": {"id": asset["id"]}}, "deep/in/folders")
    job = submit_v2(owner, graph)
    answer = owner.get(f"{JOBS}/{job['id']}/workflow").json()
    assert answer == {"workflow": graph, "format": "api"}
    wait_ended(owner, job["id"])


def test_a_file_is_found_by_its_name_and_by_its_asset(owner: httpx.Client) -> None:
    asset = upload(owner, fresh_png(), "trips/photo.png")
    by_name = submit_v2(owner, invert("trips/photo.png"))
    by_asset = submit_v2(
        owner, invert({"__type": "core/ASSET", "info": {"id": asset["id"], "hash": "blake3:00"}})
    )
    color = pixel(owner.get(asset["url"]).content)
    for job in (by_name, by_asset):
        [output] = wait_ended(owner, job["id"])["outputs"]
        inverted = pixel(owner.get(output["url"]).content)
        assert all(
            abs(255 - before - after) <= 1 for before, after in zip(color, inverted, strict=True)
        )


def test_the_same_graph_again_delivers_every_output(owner: httpx.Client) -> None:
    graph = solid("again/sub/folder")
    first = wait_ended(owner, submit_v2(owner, graph)["id"])
    second = wait_ended(owner, submit_v2(owner, graph)["id"])
    assert [one["name"] for one in first["outputs"]] == [one["name"] for one in second["outputs"]]
    assert first["outputs"][0]["id"] != second["outputs"][0]["id"]
    pictures = [owner.get(job["outputs"][0]["url"]).content for job in (first, second)]
    assert pixel(pictures[0]) == pixel(pictures[1])


def test_a_running_job_is_canceled(owner: httpx.Client) -> None:
    job = submit_v2(owner, endless())
    wait_for_status(owner, job["id"], "running")
    answer = owner.post(f"{JOBS}/{job['id']}/cancel")
    assert answer.status_code == 200
    assert answer.json()["status"] in ("canceling", "canceled")
    ended = wait_ended(owner, job["id"])
    assert ended["status"] == "canceled"
    assert ended["completed_at"] is not None


def test_a_waiting_job_is_canceled_at_once(paused: httpx.Client) -> None:
    job = submit_v2(paused, solid())
    assert job["status"] == "queued"
    assert job["queue_position"] == 1
    canceled = paused.post(f"{JOBS}/{job['id']}/cancel").json()
    assert canceled["status"] == "canceled"
    assert canceled["queue_position"] is None


def test_canceling_a_finished_job_changes_nothing(owner: httpx.Client) -> None:
    job = wait_ended(owner, submit_v2(owner, solid())["id"])
    again = owner.post(f"{JOBS}/{job['id']}/cancel")
    assert again.status_code == 200
    assert again.json()["status"] == "succeeded"
    assert [one["id"] for one in again.json()["outputs"]] == [one["id"] for one in job["outputs"]]


def test_a_job_that_fails_says_which_node_and_why(owner: httpx.Client) -> None:
    graph = text_to_image(size=64)
    graph["8"] = {
        "class_type": "ImageCrop",
        "inputs": {"image": ["6", 0], "width": 8, "height": 8, "x": 0, "y": 0},
    }
    asset = upload(owner, b"\x89PNG\r\n\x1a\nnot really a picture", "broken.png")
    job = wait_ended(owner, submit_v2(owner, invert(asset["file_path"]))["id"])
    assert job["status"] == "failed"
    assert job["error"]["node_id"] == "1"
    assert job["error"]["class_type"] == "LoadImage"
    assert job["error"]["message"]


@pytest.mark.parametrize("key", [None, "wrong"], ids=["no key", "wrong key"])
def test_without_a_good_key_nothing_is_accepted(studio: RunningStudio, key: str | None) -> None:
    with studio.client(key) as stranger:
        answer = stranger.post(JOBS, json={"workflow": solid()})
        assert answer.status_code == 401
        assert code_of(answer) == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Authorization", "X-API-Key"])
def test_both_ways_of_sending_a_key_work(studio: RunningStudio, scheme: str) -> None:
    key = studio.make_key("jobs")
    headers = {scheme: f"Bearer {key}" if scheme == "Authorization" else key}
    with studio.client(None) as client:
        assert client.get(JOBS, headers=headers).status_code == 200


def test_an_unknown_job_is_not_found_by_any_operation(owner: httpx.Client) -> None:
    for job_id in (str(uuid.uuid4()), "nonsense", "%2e%2e", "x" * 3000):
        for method, path in (
            ("GET", ""),
            ("GET", "/workflow"),
            ("GET", "/events"),
            ("POST", "/cancel"),
        ):
            answer = owner.request(method, f"{JOBS}/{job_id}{path}")
            assert answer.status_code == 404, (method, path, job_id[:20])
            assert code_of(answer) == "not_found"


# -- idempotency ----------------------------------------------------------------------------------


async def test_one_key_in_fifty_parallel_posts_makes_one_job(studio: RunningStudio) -> None:
    async with studio.async_client() as client:
        key = str(uuid.uuid4())
        label = {"test": key}
        answers = await asyncio.gather(
            *(
                client.post(
                    JOBS,
                    json={"workflow": solid(), "metadata": label},
                    headers={"Idempotency-Key": key},
                )
                for _ in range(50)
            )
        )
        assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 49}
        codes = {code_of(answer) for answer in answers if answer.status_code == 422}
        assert codes == {"idempotency_key_reuse"}
        listed = await client.get(JOBS, params={"metadata[test]": key})
        assert len(listed.json()["jobs"]) == 1


def test_a_key_is_free_again_after_a_refusal(owner: httpx.Client) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    assert owner.post(JOBS, json={"workflow": {}}, headers=headers).status_code == 422
    assert owner.post(JOBS, json={"workflow": solid()}, headers=headers).status_code == 201
    again = owner.post(JOBS, json={"workflow": solid()}, headers=headers)
    assert (again.status_code, code_of(again)) == (422, "idempotency_key_reuse")


# -- lists ----------------------------------------------------------------------------------------


def test_the_list_pages_through_every_job_once_newest_first(paused: httpx.Client) -> None:
    label = str(uuid.uuid4())
    made = [submit_v2(paused, solid(), metadata={"list": label})["id"] for _ in range(7)]
    seen: list[str] = []
    parameters = {"metadata[list]": label, "limit": "3"}
    while True:
        page = paused.get(JOBS, params=parameters).json()
        assert page["truncated"] is False
        assert len(page["jobs"]) <= 3
        seen += [job["id"] for job in page["jobs"]]
        if "next_cursor" not in page:
            break
        parameters["cursor"] = page["next_cursor"]
    assert seen == made[::-1]


def test_the_list_is_filtered_by_status_and_by_every_label(paused: httpx.Client) -> None:
    label = str(uuid.uuid4())
    first = submit_v2(paused, solid(), metadata={"list": label, "side": "left"})
    second = submit_v2(paused, solid(), metadata={"list": label, "side": "right"})
    paused.post(f"{JOBS}/{second['id']}/cancel")

    def ids(**parameters: str) -> list[str]:
        answer = paused.get(JOBS, params={"metadata[list]": label, **parameters})
        return [job["id"] for job in answer.json()["jobs"]]

    assert ids() == [second["id"], first["id"]]
    assert ids(status="queued") == [first["id"]]
    assert ids(status="canceled,failed") == [second["id"]]
    assert ids(**{"metadata[side]": "left"}) == [first["id"]]
    assert ids(**{"metadata[side]": "up"}) == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"cursor": "-1"},
        {"cursor": "9" * 30},
        {"status": "sleeping"},
    ],
    ids=str,
)
def test_a_list_query_that_makes_no_sense_is_refused(
    owner: httpx.Client, query: dict[str, str]
) -> None:
    answer = owner.get(JOBS, params=query)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


def test_outputs_of_a_finished_job_are_in_the_list(owner: httpx.Client) -> None:
    label = str(uuid.uuid4())
    job = submit_v2(owner, solid(), metadata={"list": label})
    wait_ended(owner, job["id"])
    [listed] = owner.get(JOBS, params={"metadata[list]": label}).json()["jobs"]
    shown = get_job(owner, job["id"])
    assert listed["status"] in TERMINAL
    assert [one["id"] for one in listed["outputs"]] == [one["id"] for one in shown["outputs"]]
