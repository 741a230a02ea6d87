"""``/api/create``: a prompt in words becomes a job, also for people who may run no graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, wait_ended
from tests.api.house import open_house
from tests.api.studio_process import RunningStudio


def graph_of(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/api/v2/jobs/{job['id']}/workflow")
    return dict(answer.json()["workflow"])


def test_a_prompt_makes_a_picture_for_somebody_who_may_run_no_graphs(
    studio: RunningStudio,
) -> None:
    with studio.client(studio.make_key("jobs", "assets")) as guest:
        offer = guest.get("/api/create").json()
        assert offer["can_run_graphs"] is False
        answer = guest.post("/api/create", json={"prompt": "a red fox", "steps": 2})
        assert answer.status_code == 201
        job = answer.json()
        assert (job["title"], job["workflow_id"]) == ("a red fox", "text-to-image")
        ended = wait_ended(guest, job["id"])
        assert ended["status"] == "succeeded"
        [output] = ended["outputs"]
        assert output["content_type"] == "image/png"


def test_the_offer_says_what_there_is_and_what_is_used_without_a_choice(
    owner: httpx.Client,
) -> None:
    offer = owner.get("/api/create").json()
    [name] = offer["checkpoints"]
    assert offer["sides"] == {name: 512}
    assert offer["can_run_graphs"] is True
    assert "reason" not in offer
    job = owner.post("/api/create", json={"prompt": "defaults"}).json()
    graph = graph_of(owner, job)
    defaults = offer["defaults"]
    assert graph["checkpoint"]["inputs"]["ckpt_name"] == defaults["checkpoint"]
    assert graph["latent"]["inputs"]["width"] == defaults["width"]
    assert graph["latent"]["inputs"]["batch_size"] == defaults["count"]
    assert graph["sampler"]["inputs"]["steps"] == defaults["steps"]
    assert graph["sampler"]["inputs"]["cfg"] == defaults["cfg"]


def test_every_wish_is_in_the_graph(owner: httpx.Client) -> None:
    [name] = owner.get("/api/create").json()["checkpoints"]
    wish = {
        "prompt": "an owl",
        "negative": "rain",
        "checkpoint": name,
        "width": 256,
        "height": 128,
        "steps": 3,
        "cfg": 4.5,
        "seed": 2**53 - 1,
        "count": 2,
    }
    job = owner.post("/api/create", json=wish).json()
    graph = graph_of(owner, job)
    assert graph["positive"]["inputs"]["text"] == "an owl"
    assert graph["negative"]["inputs"]["text"] == "rain"
    latent = {"width": 256, "height": 128, "batch_size": 2}
    assert graph["latent"]["inputs"] == latent
    sampler = graph["sampler"]["inputs"]
    assert (sampler["steps"], sampler["cfg"], sampler["seed"]) == (3, 4.5, 2**53 - 1)
    assert len(wait_ended(owner, job["id"])["outputs"]) == 2


def test_a_wish_has_the_recipe_of_a_run_of_the_workflow(owner: httpx.Client) -> None:
    wish = {"prompt": "a wish to recall", "width": 64, "height": 128, "seed": 7, "steps": 1}
    made = owner.post("/api/create", json=wish).json()
    recipe = owner.get(f"/api/jobs/{made['id']}").json()["recipe"]
    body = {"values": recipe["values"], "version": recipe["version"]}
    [again] = owner.post("/api/workflows/text-to-image/run", json=body).json()["jobs"]
    assert owner.get(f"/api/jobs/{again['id']}").json()["recipe"] == recipe
    assert graph_of(owner, again) == graph_of(owner, made)
    assert recipe["values"]["size"] == {"width": 64, "height": 128}


async def test_a_workflow_that_was_put_away_makes_no_pictures(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        assert (await owner.delete("/api/workflows/text-to-image")).status_code == 204
        answer = await owner.get("/api/create")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_a_seed_is_drawn_anew_for_each_wish_without_one(owner: httpx.Client) -> None:
    jobs = [owner.post("/api/create", json={"prompt": "x", "steps": 1}).json() for _ in range(4)]
    seeds = {graph_of(owner, job)["sampler"]["inputs"]["seed"] for job in jobs}
    assert len(seeds) == 4


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": 5},
        {"prompt": "x" * 20_001},
        {"prompt": "x", "negative": ["y"]},
        {"prompt": "x", "checkpoint": "no such.safetensors"},
        {"prompt": "x", "checkpoint": 1},
        {"prompt": "x", "width": 100.0},
        {"prompt": "x", "width": 100},
        {"prompt": "x", "height": 4096},
        {"prompt": "x", "height": 0},
        {"prompt": "x", "steps": 0},
        {"prompt": "x", "steps": True},
        {"prompt": "x", "cfg": -1},
        {"prompt": "x", "cfg": "7"},
        {"prompt": "x", "seed": 2**53},
        {"prompt": "x", "seed": -1},
        {"prompt": "x", "count": 9},
        {"prompt": "x", "workflow": {}},
    ],
)
def test_a_wish_out_of_bounds_is_refused_in_words(owner: httpx.Client, body: object) -> None:
    before = len(owner.get("/api/jobs?limit=200").json()["jobs"])
    answer = owner.post("/api/create", json=body)
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
    assert len(owner.get("/api/jobs?limit=200").json()["jobs"]) == before


def test_one_key_makes_one_job(owner: httpx.Client) -> None:
    headers = {"Idempotency-Key": "create once"}
    body = {"prompt": "once", "steps": 1}
    assert owner.post("/api/create", json=body, headers=headers).status_code == 201
    again = owner.post("/api/create", json=body, headers=headers)
    assert (again.status_code, code_of(again)) == (422, "idempotency_key_reuse")


async def test_without_an_engine_the_offer_says_why_and_nothing_is_queued(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        offer = (await owner.get("/api/create")).json()
        assert offer["checkpoints"] == []
        assert offer["reason"]["code"] == "unavailable"
        answer = await owner.post("/api/create", json={"prompt": "x"})
        assert (answer.status_code, code_of(answer)) == (503, "unavailable")
        assert (await owner.get("/api/queue")).json()["depth"] == 0
