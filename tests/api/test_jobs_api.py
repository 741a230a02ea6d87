"""Studio's own job routes: history, search, queue, moves, retries."""

from __future__ import annotations

import io
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.graphs import (
    code_of,
    endless,
    fresh_color,
    invert,
    png,
    run,
    solid,
    submit,
    text_to_image,
    upload,
    wait_ended,
    wait_for_status,
)

JOBS = "/api/jobs"


def queue_ids(client: httpx.Client, **parameters: Any) -> list[str]:
    answer = client.get("/api/queue", params=parameters)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def list_ids(client: httpx.Client, **parameters: str) -> list[str]:
    answer = client.get(JOBS, params=parameters)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def first_pixel(client: httpx.Client, job: dict[str, Any]) -> bytes:
    content = client.get(job["outputs"][0]["url"]).content
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB").resize((1, 1)).tobytes()


# -- submit ---------------------------------------------------------------------------------------


def test_a_job_carries_what_was_submitted_with_it(paused: httpx.Client) -> None:
    job = submit(
        paused,
        text_to_image(),
        title="The fox",
        priority=7,
        deadline_at="2099-01-01T00:00:00+02:00",
        metadata={"client": "acme"},
    )
    assert job["title"] == "The fox"
    assert job["priority"] == 7
    assert job["deadline_at"] == "2098-12-31T22:00:00.000+00:00"
    assert job["metadata"] == {"client": "acme"}
    assert job["models"] == ["embedded-demo.safetensors"]
    assert paused.get(f"{JOBS}/{job['id']}").json()["title"] == "The fox"


@pytest.mark.parametrize(
    "field",
    [
        {"webhook_url": "https://example.com"},
        {"webhook_events": []},
        {"webhook_secret": "x"},
        {"colour": "red"},
        {"priority": "high"},
        {"priority": True},
        {"priority": 1.5},
        {"priority": 101},
        {"priority": -101},
        {"deadline_at": "tomorrow"},
        {"deadline_at": "2099-01-01T00:00:00"},
        {"deadline_at": "9999-12-31T23:59:59-23:59"},
        {"deadline_at": "0001-01-01T00:00:00+23:59"},
        {"deadline_at": 5},
        {"title": ["x"]},
        {"secrets": {"api_key_comfy_org": "never stored"}},
        {"secrets": {"other": "x"}},
        {"secrets": {"api_key_comfy_org": 7}},
        {"secrets": []},
    ],
    ids=str,
)
def test_a_wrong_field_is_refused_and_nothing_is_stored(
    owner: httpx.Client, field: dict[str, Any]
) -> None:
    newest = list_ids(owner, limit="1")
    answer = owner.post(JOBS, json={"workflow": solid(), **field})
    assert answer.status_code in (400, 404, 422), answer.text
    code_of(answer)
    assert list_ids(owner, limit="1") == newest


def test_a_higher_priority_goes_first(paused: httpx.Client) -> None:
    low = submit(paused, solid(), priority=-5)
    first, second = submit(paused, solid()), submit(paused, solid())
    high = submit(paused, solid(), priority=5)
    assert queue_ids(paused) == [job["id"] for job in (high, first, second, low)]
    assert paused.get(f"{JOBS}/{low['id']}").json()["queue_position"] == 4


def test_a_job_past_its_deadline_expires(paused: httpx.Client) -> None:
    job = submit(paused, solid(), deadline_at="2001-01-01T00:00:00Z")
    ended = wait_ended(paused, job["id"])
    assert ended["status"] == "expired"
    assert ended["error"]["code"] == "deadline_passed"


# -- history --------------------------------------------------------------------------------------


def test_search_finds_words_of_the_prompt_and_nothing_else(paused: httpx.Client) -> None:
    word = f"zyx{uuid.uuid4().hex[:8]}"
    fox = submit(paused, text_to_image(f"a red {word} fox"))
    bear = submit(paused, text_to_image(f"a brown {word} bear"))
    assert list_ids(paused, q=word) == [bear["id"], fox["id"]]
    assert list_ids(paused, q=f"fox {word}") == [fox["id"]]
    assert list_ids(paused, q=f"{word} bea") == [bear["id"]]
    assert list_ids(paused, q=f"{word} wolf") == []
    assert list_ids(paused, q=word.upper()) == [bear["id"], fox["id"]]


@pytest.mark.parametrize(
    "text",
    ['"', "'", "*", "a* OR b", "NEAR(", "prompt_text:x", "(", "-", "_", "\x00", "ü" * 900, "%"],
    ids=ascii,
)
def test_a_search_can_hold_any_text(owner: httpx.Client, text: str) -> None:
    assert owner.get(JOBS, params={"q": text}).status_code == 200


def test_history_is_filtered_by_model_status_title_and_date(paused: httpx.Client) -> None:
    title = str(uuid.uuid4())
    plain = submit(paused, solid(), title=title)
    modelled = submit(paused, text_to_image(), title=title)
    paused.post(f"{JOBS}/{plain['id']}/cancel")
    assert list_ids(paused, title=title) == [modelled["id"], plain["id"]]
    assert list_ids(paused, title=title, model="embedded-demo.safetensors") == [modelled["id"]]
    assert list_ids(paused, title=title, model="other.safetensors") == []
    assert list_ids(paused, title=title, status="canceled") == [plain["id"]]
    assert list_ids(paused, title=title, to="2001-01-01T00:00:00Z") == []
    created = modelled["created_at"]
    assert modelled["id"] in list_ids(paused, title=title, **{"from": created})
    assert list_ids(paused, title=title, **{"from": "2099-01-01T00:00:00Z"}) == []


def test_history_pages_hold_every_job_once_while_new_ones_arrive(paused: httpx.Client) -> None:
    title = str(uuid.uuid4())
    made = [submit(paused, solid(), title=title)["id"] for _ in range(5)]
    page = paused.get(JOBS, params={"title": title, "limit": "2"}).json()
    seen = [job["id"] for job in page["jobs"]]
    while page["next_cursor"] is not None:
        submit(paused, solid(), title=title)
        cursor = {"title": title, "limit": "2", "cursor": page["next_cursor"]}
        page = paused.get(JOBS, params=cursor).json()
        seen += [job["id"] for job in page["jobs"]]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query", [{"limit": "201"}, {"from": "x"}, {"to": "2020-01-01"}, {"cursor": "0"}], ids=str
)
def test_a_history_query_that_makes_no_sense_is_refused(
    owner: httpx.Client, query: dict[str, str]
) -> None:
    answer = owner.get(JOBS, params=query)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


# -- queue ----------------------------------------------------------------------------------------


def test_a_paused_queue_sends_nothing_and_a_resumed_one_goes_on(owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    job = submit(owner, solid())
    queue = owner.get("/api/queue").json()
    assert queue["paused"] is True
    assert queue["depth"] == 1
    assert [entry["id"] for entry in queue["jobs"]] == [job["id"]]
    owner.post("/api/queue/resume")
    assert wait_ended(owner, job["id"])["status"] == "succeeded"
    assert owner.get("/api/queue").json() == {"paused": False, "depth": 0, "jobs": []}


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


def test_a_start_is_estimated_once_such_a_graph_has_run(paused: httpx.Client) -> None:
    """How long a graph takes is known by its classes and models, so this one has its own."""
    graph = solid(str(uuid.uuid4()))
    for number in range(3, 3 + 7):
        graph[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
    graph["2"]["inputs"]["images"] = ["9", 0]
    first, second = submit(paused, graph), submit(paused, graph)
    for job, expected in ((first, 0), (second, None)):
        assert paused.get(f"{JOBS}/{job['id']}").json()["starts_in_ms"] == expected
    paused.post("/api/queue/resume")
    wait_ended(paused, second["id"])
    paused.post("/api/queue/pause")
    first, second = submit(paused, graph), submit(paused, graph)
    known = paused.get(f"{JOBS}/{second['id']}").json()["starts_in_ms"]
    assert isinstance(known, int)
    assert known >= 0
    entries = paused.get("/api/queue").json()["jobs"]
    assert [entry["starts_in_ms"] for entry in entries] == [0, known]


# -- retry ----------------------------------------------------------------------------------------


def test_a_retry_with_the_same_seed_paints_the_same_picture(owner: httpx.Client) -> None:
    job = run(owner, text_to_image(seed=fresh_color()))
    same = owner.post(f"{JOBS}/{job['id']}/retry", json={}).json()
    assert same["retry_of"] == job["id"]
    assert first_pixel(owner, wait_ended(owner, same["id"])) == first_pixel(owner, job)


def test_a_retry_with_a_new_seed_changes_the_seed_alone(owner: httpx.Client) -> None:
    graph = text_to_image(seed=fresh_color())
    job = run(owner, graph)
    other = owner.post(f"{JOBS}/{job['id']}/retry", json={"new_seed": True}).json()
    again = owner.get(f"/api/v2/jobs/{other['id']}/workflow").json()["workflow"]
    assert again["5"]["inputs"].pop("seed") != graph["5"]["inputs"].pop("seed")
    assert again == graph
    assert wait_ended(owner, other["id"])["status"] == "succeeded"


def test_a_retry_reads_the_bytes_of_the_first_run(owner: httpx.Client) -> None:
    upload(owner, png("#102030"), "retry-source.png")
    job = run(owner, invert("retry-source.png"))
    upload(owner, png("#ffffff"), "retry-source.png")
    fresh = run(owner, invert("retry-source.png"))
    retried = owner.post(f"{JOBS}/{job['id']}/retry", json={}).json()
    assert first_pixel(owner, job) == bytes([0xEF, 0xDF, 0xCF])
    assert first_pixel(owner, fresh) == b"\0\0\0"
    assert first_pixel(owner, wait_ended(owner, retried["id"])) == first_pixel(owner, job)


def test_a_job_that_has_not_ended_cannot_be_retried(paused: httpx.Client) -> None:
    job = submit(paused, solid())
    answer = paused.post(f"{JOBS}/{job['id']}/retry", json={})
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    answer = paused.post(f"{JOBS}/{job['id']}/retry", json={"new_seed": "yes"})
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


def test_a_retry_needs_the_credentials_of_the_first_run_again(paused: httpx.Client) -> None:
    given = {"api_key_comfy_org": "canary-first-2b91"}
    job = submit(paused, solid(), extra_data=given)
    paused.post(f"{JOBS}/{job['id']}/cancel")
    refused = paused.post(f"{JOBS}/{job['id']}/retry", json={})
    assert (refused.status_code, code_of(refused)) == (409, "conflict")
    assert refused.json()["error"]["details"] == {"extra_data": ["api_key_comfy_org"]}
    again = paused.post(f"{JOBS}/{job['id']}/retry", json={"extra_data": given})
    assert again.status_code == 201


def test_studio_routes_do_not_know_strange_jobs(owner: httpx.Client) -> None:
    for job_id in (str(uuid.uuid4()), "nonsense"):
        for method, path in (
            ("GET", ""),
            ("GET", "/package"),
            ("POST", "/cancel"),
            ("POST", "/move"),
            ("POST", "/retry"),
        ):
            answer = owner.request(method, f"{JOBS}/{job_id}{path}")
            assert (answer.status_code, code_of(answer)) == (404, "not_found"), (method, path)
