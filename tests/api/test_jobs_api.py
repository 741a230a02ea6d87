"""Studio's own job routes: history, search, queue, moves, retries."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.graphs import (
    code_of,
    fresh_color,
    invert,
    png,
    run,
    solid,
    submit,
    text_to_image,
    upload,
    wait_ended,
)

JOBS = "/api/jobs"


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
        {"webhook_url": "https://"},
        {"webhook_url": 5},
        {"webhook_url": "https://example.com", "webhook_events": []},
        {"webhook_url": "https://example.com", "webhook_events": ["disk.low"]},
        {"webhook_url": "https://example.com", "webhook_secret": "x"},
        {"webhook_events": ["job.*"]},
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
        {"deadline_at": "2001-01-01T00:00:00Z"},
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


def test_a_job_past_its_deadline_expires(paused: httpx.Client) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    job = submit(paused, solid(), deadline_at=soon.isoformat())
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


def test_history_is_filtered_by_the_workflow_a_job_was_made_from(paused: httpx.Client) -> None:
    name = str(uuid.uuid4())
    named = submit(paused, solid(), workflow_id=name)
    submit(paused, solid(), workflow_id="another")
    assert named["workflow_id"] == name
    assert list_ids(paused, workflow=name) == [named["id"]]
    again = paused.post(f"{JOBS}/{named['id']}/cancel").json()
    assert again["workflow_id"] == name


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
