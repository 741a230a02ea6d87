"""The queue, the history and the list of jobs."""

from __future__ import annotations

from tests.contract.clients import Client, endless, solid


def test_an_entry_holds_the_prompt_its_outputs_and_how_it_went(client: Client) -> None:
    prompt_id = client.submit(solid(), extra_data={"extra_pnginfo": {"workflow": {"id": "w"}}})
    entry = client.wait(prompt_id)
    assert entry.keys() == {"prompt", "outputs", "status", "meta"}
    number, kept_id, graph, extra_data, outputs = entry["prompt"]
    assert kept_id == prompt_id
    assert isinstance(number, (int, float))
    assert graph["2"]["class_type"] == "SaveImage"
    assert extra_data["client_id"] == client.client_id
    assert isinstance(extra_data["create_time"], int)
    assert outputs == ["2"]
    [image] = entry["outputs"]["2"]["images"]
    assert image.keys() == {"filename", "subfolder", "type"}
    assert entry["meta"]["2"] == {
        "node_id": "2",
        "display_node": "2",
        "parent_node": None,
        "real_node_id": "2",
    }
    assert entry["status"]["status_str"] == "success"
    assert entry["status"]["completed"] is True
    assert [message[0] for message in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]


def test_an_unknown_id_has_an_empty_history(client: Client) -> None:
    answer = client.http.get("/history/no-such-id")
    assert answer.status_code == 200
    assert answer.json() == {}


def test_the_history_can_be_cut_to_the_newest_or_a_page(client: Client) -> None:
    client.http.post("/history", json={"clear": True})
    ids = [client.submit(solid()) for _ in range(3)]
    client.wait(ids[-1])

    def listed(**query: int) -> list[str]:
        return list(client.http.get("/history", params=query).json())

    assert listed() == ids
    assert listed(max_items=2) == ids[1:]
    assert listed(max_items=1, offset=0) == ids[:1]
    assert listed(offset=1) == ids[1:]
    assert listed(max_items=9) == ids


def test_entries_can_be_deleted_one_by_one_or_all(client: Client) -> None:
    first, second = client.submit(solid()), client.submit(solid())
    client.wait(second)
    assert client.http.post("/history", json={"delete": [first]}).status_code == 200
    assert client.history(first) == {}
    assert second in client.history(second)
    client.http.post("/history", json={"clear": True})
    assert client.http.get("/history").json() == {}


def test_the_queue_lists_what_runs_and_what_waits(client: Client) -> None:
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    waiting = client.submit(solid())
    queue = client.http.get("/queue").json()
    assert queue.keys() == {"queue_running", "queue_pending"}
    assert [item[1] for item in queue["queue_running"]] == [running]
    [item] = queue["queue_pending"]
    assert len(item) == 5
    assert item[1] == waiting
    assert item[4] == ["2"]
    assert client.http.get("/prompt").json() == {"exec_info": {"queue_remaining": 2}}


def test_jobs_are_listed_with_their_status(client: Client) -> None:
    client.http.post("/history", json={"clear": True})
    done = client.submit(solid(), extra_data={"extra_pnginfo": {"workflow": {"id": "w1"}}})
    failed = client.submit(solid("../outside"))
    client.wait(failed)
    running = client.submit(endless(client.engine))
    client.wait_until_running(running)
    waiting = client.submit(solid())
    body = client.http.get("/api/jobs").json()
    assert {job["id"]: job["status"] for job in body["jobs"]} == {
        done: "completed",
        failed: "failed",
        running: "in_progress",
        waiting: "pending",
    }
    assert body["pagination"] == {"offset": 0, "limit": None, "total": 4, "has_more": False}

    def listed(**query: object) -> list[str]:
        jobs = client.http.get("/api/jobs", params={k: str(v) for k, v in query.items()}).json()
        return [job["id"] for job in jobs["jobs"]]

    assert set(listed(status="completed,failed")) == {done, failed}
    assert listed(workflow_id="w1") == [done]
    assert len(listed(limit=3)) == 3
    assert len(listed(limit=3, offset=3)) == 1


def test_a_job_shows_its_outputs_and_graph(client: Client) -> None:
    prompt_id = client.submit(solid())
    entry = client.wait(prompt_id)
    job = client.http.get(f"/api/jobs/{prompt_id}").json()
    [image] = entry["outputs"]["2"]["images"]
    assert job["preview_output"] == {**image, "nodeId": "2", "mediaType": "images"}
    assert job["outputs_count"] == job["previewable_outputs_count"] == 1
    assert job["outputs"] == entry["outputs"]
    assert job["execution_status"] == entry["status"]
    assert job["workflow"] == {"prompt": entry["prompt"][2], "extra_data": entry["prompt"][3]}
    assert job["execution_start_time"] <= job["execution_end_time"]


def test_a_failed_job_shows_its_error(client: Client) -> None:
    prompt_id = client.submit(solid("../outside"))
    client.wait(prompt_id)
    job = client.http.get(f"/api/jobs/{prompt_id}").json()
    assert job["status"] == "failed"
    assert job["execution_error"]["node_id"] == "2"


def test_a_text_output_is_previewed_but_not_counted(client: Client) -> None:
    graph = {
        "1": {"class_type": "PrimitiveString", "inputs": {"value": "some words"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    prompt_id = client.submit(graph)
    assert client.wait(prompt_id)["outputs"] == {"2": {"text": ["some words"]}}
    job = client.http.get(f"/api/jobs/{prompt_id}").json()
    assert job["outputs_count"] == 0
    assert job["preview_output"] == {"content": "some words", "nodeId": "2", "mediaType": "text"}


def test_unusable_queries_for_jobs_are_refused(client: Client) -> None:
    for query in ("status=lost", "sort_by=name", "sort_order=up", "limit=0", "limit=x", "offset=x"):
        answer = client.http.get(f"/api/jobs?{query}")
        assert answer.status_code == 400, query
        assert answer.json().keys() == {"error"}
    assert client.http.get("/api/jobs/unknown").status_code == 404
