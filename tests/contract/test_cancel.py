"""Stopping what runs and dropping what waits."""

from __future__ import annotations

import uuid

from tests.contract.clients import Client, endless, events, solid


def test_an_interrupt_stops_the_running_prompt(client: Client) -> None:
    with client.listening() as listener:
        prompt_id = client.submit(endless(client.engine))
        listener.await_event("progress")
        assert client.http.post("/interrupt").status_code == 200
        frames = listener.read_run(prompt_id)
    [stopped] = events(frames, "execution_interrupted")
    assert stopped.data["prompt_id"] == prompt_id
    assert stopped.data["node_id"] == "5"
    assert stopped.data["node_type"] == "KSampler"
    assert sorted(stopped.data["executed"]) == ["1", "2", "3", "4"]
    assert isinstance(stopped.data["timestamp"], int)
    entry = client.wait(prompt_id)
    assert entry["status"]["status_str"] == "error"
    assert entry["status"]["completed"] is False
    assert entry["status"]["messages"][-1] == ["execution_interrupted", stopped.data]
    assert entry["outputs"] == {}


def test_an_interrupt_of_an_idle_engine_does_nothing(client: Client) -> None:
    assert client.http.post("/interrupt").status_code == 200
    assert client.run(solid())["status"]["completed"]


def test_an_interrupt_can_name_the_prompt_that_it_means(client: Client) -> None:
    prompt_id = client.submit(endless(client.engine))
    client.wait_until_running(prompt_id)
    other = {"prompt_id": str(uuid.uuid4())}
    assert client.http.post("/interrupt", json=other).status_code == 200
    with client.listening() as listener:
        listener.await_event("progress")
    assert client.running() == [prompt_id]
    client.http.post("/interrupt", json={"prompt_id": prompt_id})
    assert client.wait(prompt_id)["status"]["messages"][-1][0] == "execution_interrupted"


def test_a_running_job_is_cancelled_by_its_id(client: Client) -> None:
    prompt_id = client.submit(endless(client.engine))
    client.wait_until_running(prompt_id)
    assert client.http.post(f"/api/jobs/{prompt_id}/cancel").json() == {"cancelled": True}
    assert client.wait(prompt_id)["status"]["messages"][-1][0] == "execution_interrupted"
    job = client.http.get(f"/api/jobs/{prompt_id}").json()
    assert job["status"] == "cancelled"


def test_a_cancelled_pending_job_leaves_no_trace(client: Client) -> None:
    blocker = client.submit(endless(client.engine))
    client.wait_until_running(blocker)
    prompt_id = client.submit(solid())
    assert client.http.post(f"/api/jobs/{prompt_id}/cancel").json() == {"cancelled": True}
    assert client.pending() == []
    assert client.running() == [blocker]
    assert client.history(prompt_id) == {}
    assert client.http.get(f"/api/jobs/{prompt_id}").status_code == 404


def test_cancelling_what_is_over_or_unknown_does_nothing(client: Client) -> None:
    done = client.submit(solid())
    client.wait(done)
    for job_id in (done, str(uuid.uuid4())):
        answer = client.http.post(f"/api/jobs/{job_id}/cancel")
        assert answer.status_code == 200
        assert answer.json() == {"cancelled": False}


def test_several_jobs_are_cancelled_at_once(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    waiting = client.submit(solid())
    job_ids = [running, waiting, str(uuid.uuid4())]
    answer = client.http.post("/api/jobs/cancel", json={"job_ids": job_ids})
    assert answer.json() == {"cancelled": True}
    client.wait(running)
    assert client.pending() == []
    assert client.history(waiting) == {}


def test_a_batch_with_a_malformed_id_cancels_nothing(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    answer = client.http.post("/api/jobs/cancel", json={"job_ids": [running, "x"]})
    assert answer.status_code == 400
    assert answer.json()["invalid_ids"] == ["x"]
    assert client.running() == [running]


def test_a_batch_must_be_a_list_in_json(client: Client) -> None:
    assert client.http.post("/api/jobs/cancel", json={"job_ids": "x"}).status_code == 400
    assert client.http.post("/api/jobs/cancel", content=b"{").status_code == 400


def test_deleting_from_the_queue_drops_only_what_waits(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    first, second = client.submit(solid()), client.submit(solid())
    body = {"delete": [first, running, str(uuid.uuid4())]}
    assert client.http.post("/queue", json=body).status_code == 200
    assert client.pending() == [second]
    assert client.running() == [running]


def test_clearing_the_queue_leaves_the_running_prompt(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    client.submit(solid())
    client.submit(solid())
    with client.listening() as listener:
        client.http.post("/queue", json={"clear": True})
        listener.await_event("status", status={"exec_info": {"queue_remaining": 1}})
    assert client.pending() == []
    assert client.running() == [running]


def test_a_prompt_in_front_overtakes_those_that_wait(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    last = client.submit(solid())
    first = client.submit(solid(), front=True)
    assert client.pending() == [first, last]


def test_an_interrupt_of_a_prompt_without_a_client_is_told_to_all(client: Client) -> None:
    body = {"prompt": endless(client.engine)}
    prompt_id = client.http.post("/prompt", json=body).json()["prompt_id"]
    client.wait_until_running(prompt_id)
    with client.listening() as listener:
        client.http.post("/interrupt")
        told = listener.await_event("execution_interrupted", prompt_id=prompt_id)
    assert client.wait(prompt_id)["status"]["messages"][-1] == ["execution_interrupted", told.data]
