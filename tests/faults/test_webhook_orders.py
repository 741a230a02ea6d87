"""``webhook_url`` wherever Studio starts a job: presets, batches, workflows, words, once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from studio.webhook_signing import new_secret
from tests.api.presets import SMALL, WORKFLOW, grid, preset
from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import Place, running_place
from tests.faults.harness import Api, studio_inside, until
from tests.faults.webhook_rig import PACE, settings_in

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


def _has(place: Place, count: int) -> bool:
    return len(place.got) >= count


async def jobs(api: Api) -> list[dict[str, Any]]:
    """All there are."""
    answer = await api.client.get("/api/jobs", params={"limit": "200"})
    found: list[dict[str, Any]] = answer.json()["jobs"]
    return found
