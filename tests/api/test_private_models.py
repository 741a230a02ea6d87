"""Models that are fetched with credentials of a request: for whoever has them, shown nowhere."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx
import pytest

from tests.api.on_demand_client import cached, ended, submit, with_lora
from tests.api.studio_process import RunningStudio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import Asked, Origin, running_origin

CANARY = "canary-private-5b1c"
STORED = "stored-private-9e44"
BASIC = "Basic " + b64encode(f"me:{CANARY}".encode()).decode()
Answer = tuple[int, dict[str, str]] | None


def needs_bearer(asked: Asked) -> Answer:
    return None if asked.headers.get("authorization") == f"Bearer {CANARY}" else (401, {})


def bearer(origin: Origin, **auth: str) -> list[dict[str, Any]]:
    given = auth or {"token": CANARY}
    return [{"url_pattern": f"{origin.base}/**", "auth": {"type": "bearer", **given}}]


@pytest.mark.parametrize(
    ("auth", "is_good"),
    [
        (
            {"type": "bearer", "token": CANARY},
            lambda asked: asked.headers.get("authorization") == f"Bearer {CANARY}",
        ),
        (
            {"type": "basic", "username": "me", "password": CANARY},
            lambda asked: asked.headers.get("authorization") == BASIC,
        ),
        (
            {"type": "header", "header_name": "X-Token", "header_value": CANARY},
            lambda asked: asked.headers.get("x-token") == CANARY,
        ),
        (
            {"type": "query", "query_param": "token", "query_value": CANARY},
            lambda asked: asked.path.endswith(f"?v=1&token={CANARY}"),
        ),
    ],
    ids=["bearer", "basic", "header", "query"],
)
async def test_each_kind_of_credentials_opens_its_file_and_is_shown_nowhere(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin, auth: Any, is_good: Any
) -> None:
    file = origin.serve(f"{auth['type']}.safetensors", safetensors(50_000, 1))
    file.refuse_if = lambda asked: None if is_good(asked) else (401, {})
    url = origin.url(f"{auth['type']}.safetensors?v=1")
    given = [{"url_pattern": f"{origin.base}/*.safetensors?v=1", "auth": auth}]
    job = await submit(client, with_lora(url), credentials=given)
    found = await ended(client, job)
    assert (found["status"], found["error"]) == ("succeeded", None)
    listed = (await client.get("/api/downloads?ended=500")).text
    graph = (await client.get(f"/api/v2/jobs/{job['id']}/workflow")).text
    assert CANARY not in str(job) + str(found) + listed + graph
    assert CANARY not in studio.log.read_text()
    for path in (studio.folder / "db").glob("studio.db*"):
        assert CANARY.encode() not in path.read_bytes()


async def test_what_was_fetched_with_credentials_is_not_for_a_request_without_them(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("closed.safetensors", safetensors(50_000, 2), refuse_if=needs_bearer)
    url, before = origin.url("closed.safetensors"), cached(studio)
    first = await submit(client, with_lora(url), credentials=bearer(origin))
    assert (await ended(client, first))["status"] == "succeeded"
    [name] = cached(studio) - before

    for given in ([], bearer(origin, token="another-one")):
        other = await ended(client, await submit(client, with_lora(url), credentials=given))
        assert other["error"]["code"] == "model_source_refused"
    by_name = await client.post("/api/jobs", json={"workflow": with_lora(name)})
    assert by_name.json()["error"]["details"]["error_types"] == ["missing_model"]
    assert name not in by_name.text.replace(f"“{name}”", "").replace(f'"value":"{name}"', "")

    asked = len(origin.asked)
    again = await submit(client, with_lora(url), credentials=bearer(origin))
    assert (await ended(client, again))["status"] == "succeeded"
    assert len(origin.asked) == asked


async def test_credentials_are_not_sent_where_their_host_redirects(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    async with running_origin() as other:
        other.serve("real.safetensors", safetensors(50_000, 3))
        origin.serve(
            "door.safetensors", b"", redirect=other.url("real.safetensors"), refuse_if=needs_bearer
        )
        graph = with_lora(origin.url("door.safetensors"))
        job = await ended(client, await submit(client, graph, credentials=bearer(origin)))
        assert job["status"] == "succeeded"
        assert CANARY not in str(other.asked)
        assert CANARY in str(origin.asked)


async def test_a_stored_secret_can_be_named_in_place_of_the_value(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    file = origin.serve("stored.safetensors", safetensors(50_000, 4))
    file.refuse_if = lambda asked: (
        None if STORED in asked.headers.get("authorization", "") else (401, {})
    )
    assert (await client.put("/api/secrets/files", json={"value": STORED})).status_code < 300
    graph = with_lora(origin.url("stored.safetensors"))
    given = bearer(origin, secret="files")
    job = await ended(client, await submit(client, graph, credentials=given))
    assert job["status"] == "succeeded"
    again = await client.post(f"/api/jobs/{job['id']}/retry", json={"new_seed": True})
    assert (await ended(client, again.json()))["status"] == "succeeded"
    assert (await client.delete("/api/secrets/files")).status_code == 204


async def test_a_job_that_came_with_values_needs_them_again_to_be_run_again(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("twice.safetensors", safetensors(50_000, 5), refuse_if=needs_bearer)
    graph, given = with_lora(origin.url("twice.safetensors")), bearer(origin)
    job = await ended(client, await submit(client, graph, credentials=given))
    path = f"/api/jobs/{job['id']}/retry"
    refused = await client.post(path, json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    again = await client.post(path, json={"credentials": given})
    assert (await ended(client, again.json()))["status"] == "succeeded"


@pytest.mark.parametrize(
    "given",
    [
        {},
        [{}],
        [{"url_pattern": "https://*/**", "auth": {"type": "bearer", "token": CANARY}}],
        [{"url_pattern": "ftp://a/b", "auth": {"type": "bearer", "token": CANARY}}],
        [{"url_pattern": "https://a/**", "auth": {"type": "s3", "token": CANARY}}],
        [{"url_pattern": "https://a/**", "auth": {"type": "bearer", "password": CANARY}}],
        [{"url_pattern": "https://a/**", "auth": {"type": "bearer", "token": f"{CANARY}\r\nX: y"}}],
        [{"url_pattern": "https://a/**", "auth": {"type": "bearer", "token": "a", "secret": "b"}}],
        [{"url_pattern": "https://a/**", "auth": {"type": "basic", "password": CANARY}}],
        [
            {
                "url_pattern": "https://a/**",
                "auth": {"type": "header", "header_name": "Host", "header_value": CANARY},
            }
        ],
        [{"url_pattern": "https://a/**", "auth": {"type": "bearer", "token": CANARY}}] * 17,
    ],
)
async def test_credentials_that_make_no_sense_are_refused_without_being_repeated(
    client: httpx.AsyncClient, given: object
) -> None:
    answer = await client.post(
        "/api/jobs", json={"workflow": with_lora("https://a/b"), "credentials": given}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert answer.json()["error"]["details"] == {"field": "credentials"}
    assert CANARY not in answer.text


async def test_a_secret_that_is_not_there_is_refused_without_its_name(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    graph, given = with_lora(origin.url("a.safetensors")), bearer(origin, secret=CANARY)
    answer = await client.post("/api/jobs", json={"workflow": graph, "credentials": given})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert CANARY not in answer.text
