"""A stop that is announced: what runs may end, all is stored, and it can be taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.graphs import Graph, fresh_color, run, solid, text_to_image, wait_ended
from tests.api.studio_process import RunningStudio, run_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """One of its own: it refuses jobs meanwhile."""
    with run_studio(tmp_path_factory.mktemp("stopping")) as running:
        yield running


@pytest.fixture
def owner(studio: RunningStudio) -> Iterator[httpx.Client]:
    with studio.client() as client:
        yield client
        assert client.delete("/api/system/prepare-stop").status_code == 200


def until_phase(owner: httpx.Client, wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        state: dict[str, Any] = owner.get("/api/system/prepare-stop").json()
        if state["phase"] == wanted:
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def slow() -> Graph:
    """Takes a moment."""
    return text_to_image("slow", seed=fresh_color(), steps=40, size=256)


def submit(owner: httpx.Client, graph: object) -> httpx.Response:
    return owner.post("/api/jobs", json={"workflow": graph})


def test_a_stop_waits_for_what_runs_and_keeps_what_waits(owner: httpx.Client) -> None:
    assert owner.get("/api/system/prepare-stop").json()["phase"] == "none"
    jobs = [submit(owner, slow()).json()["id"] for _ in range(4)]
    assert owner.post("/api/system/prepare-stop").status_code == 202
    refused = submit(owner, solid())
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    state = until_phase(owner, "safe")
    assert (state["jobs_inside"], state["downloads_running"]) == (0, 0)
    states = [owner.get(f"/api/jobs/{job_id}").json()["status"] for job_id in jobs]
    assert set(states) == {"succeeded", "queued"}, states
    newest = owner.get("/api/system/backups").json()["snapshots"][0]
    assert newest["reason"] == "before-stop"
    ready = owner.get("/ready")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["Studio is about to be stopped"])
    taken_back = owner.delete("/api/system/prepare-stop").json()
    assert taken_back["phase"] == "none"
    assert owner.get("/ready").status_code == 200
    until_all_ended(owner, jobs)
    run(owner, solid())


def until_all_ended(owner: httpx.Client, jobs: list[str]) -> None:
    assert owner.delete("/api/system/prepare-stop").status_code == 200
    for job_id in jobs:
        assert wait_ended(owner, job_id)["status"] == "succeeded"


def test_a_stop_in_a_hurry_waits_for_no_job(owner: httpx.Client) -> None:
    job_id = submit(owner, slow()).json()["id"]
    assert owner.post("/api/system/prepare-stop", json={"wait": False}).status_code == 202
    assert until_phase(owner, "safe")["wait"] is False
    assert owner.get(f"/api/jobs/{job_id}").json()["status"] != "failed"
    until_all_ended(owner, [job_id])


def test_what_a_stop_waits_for_is_named_and_the_wait_can_be_given_up(owner: httpx.Client) -> None:
    [engine] = owner.get("/api/system/engines").json()["engines"]
    jobs = [submit(owner, slow()).json()["id"] for _ in range(4)]
    while owner.get(f"/api/jobs/{jobs[0]}").json()["status"] != "running":
        time.sleep(0.02)
    answer = owner.post("/api/system/prepare-stop").json()
    named = answer["waits_for"]
    assert named and len(named) == answer["jobs_inside"]
    assert {each["job"] for each in named} <= set(jobs)
    assert {each["engine"] for each in named} <= {engine["name"], None}
    answer = owner.post("/api/system/prepare-stop", json={"wait": False}).json()
    assert (answer["wait"], answer["waits_for"]) == (False, [])
    assert until_phase(owner, "safe")["wait"] is False
    until_all_ended(owner, jobs)


def test_how_to_wait_must_be_said_plainly(owner: httpx.Client) -> None:
    answer = owner.post("/api/system/prepare-stop", json={"wait": "yes"})
    assert answer.status_code == 422
    assert owner.get("/api/system/prepare-stop").json()["phase"] == "none"
