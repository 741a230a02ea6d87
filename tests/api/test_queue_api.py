"""The queue over HTTP: order, moves, pause, clear, estimates."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from tests.api.graphs import code_of, endless, solid, submit, wait_ended, wait_for_status

JOBS = "/api/jobs"


def queue_ids(client: httpx.Client, **parameters: Any) -> list[str]:
    answer = client.get("/api/queue", params=parameters)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def list_ids(client: httpx.Client, **parameters: str) -> list[str]:
    answer = client.get(JOBS, params=parameters)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def test_a_higher_priority_goes_first(paused: httpx.Client) -> None:
    low = submit(paused, solid(), priority=-5)
    first, second = submit(paused, solid()), submit(paused, solid())
    high = submit(paused, solid(), priority=5)
    assert queue_ids(paused) == [job["id"] for job in (high, first, second, low)]
    assert paused.get(f"{JOBS}/{low['id']}").json()["queue_position"] == 4


def test_lists_show_the_places_that_jobs_have_at_the_moment(paused: httpx.Client) -> None:
    batch = str(uuid.uuid4())
    labels = {"title": batch, "metadata": {"batch": batch}}
    a, b, c, gone = (submit(paused, solid(), **labels)["id"] for _ in range(4))
    paused.post(f"{JOBS}/{gone}/cancel")

    def places() -> list[dict[str, int | None]]:
        found = []
        for path, name in ((JOBS, "title"), ("/api/v2/jobs", "metadata[batch]")):
            answer = paused.get(path, params={name: batch})
            assert answer.status_code == 200, answer.text
            found.append({job["id"]: job["queue_position"] for job in answer.json()["jobs"]})
        return found

    assert places() == [{a: 1, b: 2, c: 3, gone: None}] * 2
    paused.post(f"{JOBS}/{c}/move", json={"before": a})
    assert places() == [{c: 1, a: 2, b: 3, gone: None}] * 2
    paused.post(f"{JOBS}/{c}/cancel")
    assert places() == [{a: 1, b: 2, c: None, gone: None}] * 2


def test_a_paused_queue_sends_nothing_and_a_resumed_one_goes_on(owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    job = submit(owner, solid())
    queue = owner.get("/api/queue").json()
    assert queue["paused"] is True
    assert queue["depth"] == 1
    assert [entry["id"] for entry in queue["jobs"]] == [job["id"]]
    owner.post("/api/queue/resume")
    assert wait_ended(owner, job["id"])["status"] == "succeeded"
    assert owner.get("/api/queue").json() == {
        "paused": False,
        "depth": 0,
        "next": [],
        "jobs": [],
    }


def test_a_pause_lets_the_running_job_go_on(owner: httpx.Client) -> None:
    running = submit(owner, endless())
    wait_for_status(owner, running["id"], "running")
    owner.post("/api/queue/pause")
    assert owner.get(f"{JOBS}/{running['id']}").json()["status"] == "running"
    owner.post(f"{JOBS}/{running['id']}/cancel")
    wait_ended(owner, running["id"])
    owner.post("/api/queue/resume")


def test_a_waiting_job_moves_before_another_and_to_the_end(paused: httpx.Client) -> None:
    a, b, c = (submit(paused, solid())["id"] for _ in range(3))
    moved = paused.post(f"{JOBS}/{c}/move", json={"before": a})
    assert moved.json()["queue_position"] == 1
    assert queue_ids(paused) == [c, a, b]
    paused.post(f"{JOBS}/{c}/move", json={"before": b})
    assert queue_ids(paused) == [a, c, b]
    paused.post(f"{JOBS}/{a}/move", json={"before": ""})
    assert queue_ids(paused) == [c, b, a]
    paused.post(f"{JOBS}/{a}/move", json={"priority": 3})
    assert queue_ids(paused) == [a, c, b]
    paused.post(f"{JOBS}/{b}/move", json={"before": a})
    assert queue_ids(paused) == [b, a, c]


def test_moves_into_the_same_place_never_run_out_of_room(paused: httpx.Client) -> None:
    head, left, right = (submit(paused, solid())["id"] for _ in range(3))
    for _ in range(40):
        paused.post(f"{JOBS}/{right}/move", json={"before": left})
        assert queue_ids(paused) == [head, right, left]
        paused.post(f"{JOBS}/{left}/move", json={"before": right})
        assert queue_ids(paused) == [head, left, right]


def test_only_a_waiting_job_can_be_moved(paused: httpx.Client) -> None:
    waiting, gone = submit(paused, solid())["id"], submit(paused, solid())["id"]
    paused.post(f"{JOBS}/{gone}/cancel")
    for job_id, before in ((gone, waiting), (waiting, gone)):
        answer = paused.post(f"{JOBS}/{job_id}/move", json={"before": before})
        assert (answer.status_code, code_of(answer)) == (409, "conflict")
    answer = paused.post(f"{JOBS}/{waiting}/move", json={"before": str(uuid.uuid4())})
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    for body in ({"before": 5}, {"priority": "x"}, {"priority": 1000}):
        answer = paused.post(f"{JOBS}/{waiting}/move", json=body)
        assert answer.status_code in (400, 422)
        assert code_of(answer) == "invalid_request"
    assert queue_ids(paused) == [waiting]


def test_many_jobs_are_canceled_together_and_strange_ids_are_named(paused: httpx.Client) -> None:
    ids = [submit(paused, solid())["id"] for _ in range(5)]
    answer = paused.post(f"{JOBS}/cancel", json={"ids": ["nonsense", *ids[:3], ids[0]]}).json()
    assert [job["id"] for job in answer["jobs"]] == ids[:3]
    assert {job["status"] for job in answer["jobs"]} == {"canceled"}
    assert answer["not_found"] == ["nonsense"]
    assert queue_ids(paused) == ids[3:]
    for wrong in ({}, {"ids": "x"}, {"ids": [5]}, {"ids": ["x"] * 1001}):
        refused = paused.post(f"{JOBS}/cancel", json=wrong)
        assert (refused.status_code, code_of(refused)) == (422, "invalid_request")


def test_clear_empties_the_queue_but_not_the_history(paused: httpx.Client) -> None:
    title = str(uuid.uuid4())
    ids = [submit(paused, solid(), title=title)["id"] for _ in range(12)]
    assert paused.post("/api/queue/clear").json() == {"canceled": 12}
    assert queue_ids(paused) == []
    assert sorted(list_ids(paused, title=title, status="canceled")) == sorted(ids)


def test_the_queue_page_is_a_stretch_of_the_line(paused: httpx.Client) -> None:
    ids = [submit(paused, solid())["id"] for _ in range(5)]
    assert queue_ids(paused, start=1, limit=2) == ids[1:3]
    assert queue_ids(paused, start=10) == []
    assert paused.get("/api/queue", params={"start": "-1"}).status_code == 400


def test_no_start_is_estimated_while_nothing_is_sent(paused: httpx.Client) -> None:
    first, second = submit(paused, solid()), submit(paused, solid())
    for job in (first, second):
        assert paused.get(f"{JOBS}/{job['id']}").json()["starts_in_ms"] is None
    entries = paused.get("/api/queue").json()["jobs"]
    assert [entry["starts_in_ms"] for entry in entries] == [None, None]
