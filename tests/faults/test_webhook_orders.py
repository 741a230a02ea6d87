"""``webhook_url`` wherever Studio starts a job: presets, batches, workflows, words, once more, by
OpenAI's protocol and by agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.webhook_signing import new_secret
from tests.api.presets import SMALL, WORKFLOW, grid, preset
from tests.api.test_images import png
from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import Place, running_place
from tests.faults.harness import Api, studio_inside, until, until_it
from tests.faults.webhook_rig import PACE, settings_in, until_ended

WORDS = {"values": {"prompt": "a fox", **SMALL}}


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A receiver that takes everything."""
    async with running_place() as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A Studio without an engine: its jobs wait."""
    async with studio_inside(settings_in(tmp_path), pace=PACE) as opened:
        yield opened


async def orders(api: Api) -> dict[str, dict[str, Any]]:
    """By path, a body that makes one job or more there."""
    made = await api.client.post("/api/presets", json=preset())
    assert made.status_code == 201, made.text
    first = await api.submit(saved("fox"))
    await api.cancel(first)
    return {
        f"/api/presets/{made.json()['id']}/run": {"answers": {"animal": "owl"}, "count": 2},
        "/api/batches": grid(),
        f"/api/workflows/{WORKFLOW}/run": {**WORDS, "count": 3},
        f"/api/jobs/{first}/retry": {},
        "/api/jobs": {"workflow": saved("hare")},
    }


async def test_every_route_that_starts_jobs_takes_a_webhook_for_each_of_them(
    api: Api, place: Place
) -> None:
    secret = new_secret()
    for path, body in (await orders(api)).items():
        place.got.clear()
        told = {
            "webhook_url": place.url,
            "webhook_events": ["job.queued"],
            "webhook_secret": secret,
        }
        before = {job["id"] for job in await jobs(api)}
        answer = await api.client.post(path, json={**body, **told})
        assert answer.status_code == 201, (path, answer.text)
        new = {job["id"] for job in await jobs(api)} - before
        await until(partial(_has, place, len(new)), f"{path} is told")
        assert {got.message["data"]["id"] for got in place.got} == new != set()
        for got in place.got:
            got.verify(secret)


async def test_nobody_is_told_where_nothing_may_be_sent_and_nothing_runs(
    api: Api, place: Place
) -> None:
    for path, body in (await orders(api)).items():
        before = await jobs(api)
        refused: dict[str, dict[str, Any]] = {
            "blocked_address": {"webhook_url": "https://169.254.169.254/latest"},
            "invalid_request": {"webhook_url": place.url, "webhook_events": ["disk.low"]},
        }
        for code, wrong in refused.items():
            answer = await api.client.post(path, json={**body, **wrong})
            assert answer.json()["error"]["code"] == code, (path, answer.text)
            assert "Cell" not in answer.json()["error"]["message"]
            assert "webhook_secret" not in answer.text
        assert await jobs(api) == before
    assert place.got == []


async def test_pictures_from_words_take_a_webhook_like_every_job(api: Api, place: Place) -> None:
    body = {"prompt": "a fox", "webhook_url": "https://127.0.0.1.nip/", "webhook_events": []}
    answer = await api.client.post("/api/create", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    body = {"prompt": "a fox", "webhook_url": place.url}
    answer = await api.client.post("/api/create", json=body)
    # It is understood; what lacks is an engine.
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


async def test_a_retry_may_name_another_webhook_than_the_first_run(api: Api, place: Place) -> None:
    async with running_place() as other:
        queued = {"webhook_events": ["job.queued"]}
        first = await api.submit(saved("fox"), webhook_url=place.url, **queued)
        await api.cancel(first)
        again = await api.client.post(
            f"/api/jobs/{first}/retry", json={"webhook_url": other.url, **queued}
        )
        await until(lambda: bool(other.got), "the other is told")
        assert other.got[0].message["data"]["id"] == again.json()["id"]
        assert [got.message["data"]["id"] for got in place.got] == [first]


async def drawing_model(api: Api) -> None:
    """``mine``, which needs no engine to be ordered from."""
    values = {"prompt": "x", "checkpoint": SMALL["checkpoint"]}
    body = {}
    for task, workflow in {"generate": WORKFLOW, "edit": "image-to-image"}.items():
        fields = {"name": task, "workflow_id": workflow, "values": values}
        made = await api.client.post("/api/presets", json=fields)
        assert made.status_code == 201, made.text
        body[task] = {"preset_id": made.json()["id"]}
    answer = await api.client.put("/api/drawing-models/mine", json=body)
    assert answer.status_code == 200, answer.text


def drawn(api: Api, order: dict[str, Any]) -> dict[str, Callable[[], Awaitable[httpx.Response]]]:
    """By path, an order of pictures there; a form says lists as OpenAI's clients do."""
    form = {f"{name}[]" if isinstance(said, list) else name: said for name, said in order.items()}
    return {
        "/v1/images/generations": partial(api.client.post, "/v1/images/generations", json=order),
        "/v1/images/edits": partial(
            api.client.post, "/v1/images/edits", data=form, files={"image": png((1, 2, 3))}
        ),
    }


async def test_orders_of_pictures_take_a_webhook_for_their_jobs(api: Api, place: Place) -> None:
    await drawing_model(api)
    secret = new_secret()
    order = {
        "model": "mine",
        "prompt": "a fox",
        "webhook_url": place.url,
        "webhook_events": ["job.queued", "job.canceled"],
        "webhook_secret": secret,
    }
    for path, ask in drawn(api, order).items():
        place.got.clear()
        waiting = asyncio.ensure_future(ask())
        await until(partial(_has, place, 1), f"{path} is told")
        assert not waiting.done(), waiting.result().text
        [job] = [job["id"] for job in await jobs(api) if job["status"] == "queued"]
        await api.cancel(job)
        assert (await waiting).json()["error"]["code"] == "drawing_failed"
        await until(partial(_has, place, 2), f"{path} is told of the end")
        assert place.types() == ["job.queued", "job.canceled"]
        for got in place.got:
            assert got.message["data"]["id"] == job
            got.verify(secret)


async def test_orders_of_pictures_name_the_field_of_a_webhook_that_makes_no_sense(
    api: Api, place: Place
) -> None:
    await drawing_model(api)
    for wrong in ({"webhook_events": ["disk.low"]}, {"webhook_secret": "x" * 101}):
        order = {"model": "mine", "prompt": "x", "webhook_url": place.url, **wrong}
        for path, ask in drawn(api, order).items():
            answer = await ask()
            assert answer.status_code == 422, (path, answer.text)
            assert answer.json()["error"]["param"] == next(iter(wrong)), path
    order = {"model": "mine", "prompt": "x", "webhook_url": "https://169.254.169.254/latest"}
    for ask in drawn(api, order).values():
        assert (await ask()).json()["error"]["code"] == "blocked_address"
    assert await jobs(api) == []
    assert place.got == []


async def test_one_key_is_not_for_orders_that_tell_different_receivers(
    api: Api, place: Place
) -> None:
    await drawing_model(api)
    key = {"Idempotency-Key": "once"}
    order = {"model": "mine", "prompt": "a fox", "webhook_url": place.url}
    send = partial(api.client.post, "/v1/images/generations", headers=key)
    first = asyncio.ensure_future(send(json=order))

    async def queued() -> bool:
        return bool(await jobs(api))

    await until_it(queued, "it is queued")
    other = await send(json={**order, "webhook_url": f"{place.url}/other"})
    assert other.json()["error"]["code"] == "idempotency_key_reuse"
    [job] = await jobs(api)
    await api.cancel(job["id"])
    assert (await first).json()["error"]["code"] == "drawing_failed"


async def test_agents_name_a_webhook_with_everything_that_they_run(api: Api, place: Place) -> None:
    made = await api.client.post("/api/presets", json=preset())
    calls: dict[str, dict[str, Any]] = {
        "run_preset": {"preset_id": made.json()["id"], "answers": {"animal": "owl"}, "count": 2},
        "run_workflow": {"workflow_id": WORKFLOW, **WORDS},
        "run_graph": {"graph": saved("hare")},
    }
    told = {"webhook_url": place.url, "webhook_events": ["job.queued"]}
    for name, arguments in calls.items():
        place.got.clear()
        found = await tool(api, name, {**arguments, **told})
        new = {job["id"] for job in found["jobs"]}
        await until(partial(_has, place, len(new)), f"{name} is told")
        assert {got.message["data"]["id"] for got in place.got} == new != set()
        before = len(await jobs(api))
        refused = await tool(api, name, {**arguments, **told, "webhook_events": ["disk.low"]})
        assert refused["error"]["details"] == {"field": "webhook_events"}
        refused = await tool(api, name, {**arguments, "webhook_url": "https://169.254.169.254/"})
        assert refused["error"]["code"] == "blocked_address"
        assert len(await jobs(api)) == before


async def tool(api: Api, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool for agents answers; no stream is needed for it."""
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
    headers = {"Accept": "application/json, text/event-stream"}
    answer = await api.client.post("/mcp", json=call, headers=headers)
    assert answer.status_code == 200, answer.text
    [data] = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    facts: dict[str, Any] = json.loads(data.removeprefix("data: "))["result"]["structuredContent"]
    return facts


async def test_a_retry_runs_although_its_webhook_may_not_lead_there_any_more(
    tmp_path: Path, place: Place
) -> None:
    queued = {"webhook_url": place.url, "webhook_events": ["job.queued"]}
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        first = await api.submit(saved("fox"), **queued)
        await api.cancel(first)
        await until(partial(_has, place, 1), "it is told")
    async with studio_inside(settings_in(tmp_path, allow=""), pace=PACE) as api:
        again = await api.client.post(f"/api/jobs/{first}/retry", json={})
        assert again.status_code == 201, again.text
        named = await api.client.post(f"/api/jobs/{first}/retry", json=queued)
        assert named.json()["error"]["code"] == "blocked_address"
        webhooks = (await api.client.get("/api/webhooks")).json()["webhooks"]
        [own] = [each["id"] for each in webhooks if each["kind"] == "jobs"]
        [_, told] = await until_ended(api, own, 2)
        assert told["state"] == "failed"
        assert {one["error"] for one in told["log"]} == {"blocked_address"}
    assert [got.message["data"]["id"] for got in place.got] == [first]


def _has(place: Place, count: int) -> bool:
    return len(place.got) >= count


async def jobs(api: Api) -> list[dict[str, Any]]:
    """All there are."""
    answer = await api.client.get("/api/jobs", params={"limit": "200"})
    found: list[dict[str, Any]] = answer.json()["jobs"]
    return found
