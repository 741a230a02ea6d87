"""How a picture of Civitai was made, as a form of Studio's and as a preset."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.civitai_house import CivitaiHouse, open_civitai_house
from tests.api.test_models_api import hashed, scan
from tests.fakes.model_files import CHECKPOINT, LORA, put, safetensors
from tests.faults.harness import until_it

BASE, INK = safetensors(CHECKPOINT), safetensors(LORA)
META = {
    "prompt": "a {red|blue} fox, tidy, in __places__ <lora:ink:0.8>",
    "negativePrompt": "blurry [[x]]",
    "seed": 42,
    "steps": 28,
    "sampler": "DPM++ 2M Karras",
    "cfgScale": 6.5,
    "Size": "832x1216",
    "hashes": {"model": hashlib.sha256(BASE).hexdigest()[:10], "embed:tidy": "0123456789"},
    "resources": [{"name": "nowhere", "type": "lora", "weight": 0.5}],
    "civitaiResources": [{"type": "lora", "weight": 0.8, "modelVersionId": 10}],
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CivitaiHouse]:
    put(tmp_path / "models/checkpoints/mine/base.safetensors", BASE)
    put(tmp_path / "models/embeddings/tidy.safetensors", safetensors(("emb_params",)))
    async with open_civitai_house(tmp_path) as opened:
        opened.civitai.add_model(1, opened.civitai.version(10, (100, "ink.safetensors", INK)))
        body = {"reference": "civitai:10", "folder": "loras"}
        made = (await opened.client.post("/api/downloads", json=body)).json()

        async def is_done() -> bool:
            answer = await opened.client.get(f"/api/downloads/{made['id']}")
            return str(answer.json()["state"]) == "done"

        await until_it(is_done, "the LoRA is here")
        await scan(opened.client)
        await hashed(opened.client)
        yield opened


async def kept(house: CivitaiHouse, **meta: Any) -> dict[str, Any]:
    house.publish(7, meta=META | meta)
    answer = await house.client.put("/api/civitai/pictures/7")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = (await house.client.get("/api/civitai/pictures/7")).json()
    return found


async def test_the_form_means_here_what_the_picture_meant_there(house: CivitaiHouse) -> None:
    form = (await kept(house))["form"]
    assert form["workflow_id"] == "text-to-image"
    assert form["values"] == {
        "prompt": r"a \{red\|blue\} fox, embedding:tidy, in \_\_places\_\_",
        "negative": r"blurry \[[x]]",
        "seed": 42,
        "steps": 28,
        "cfg": 6.5,
        "sampler": "dpmpp_2m",
        "size": {"width": 832, "height": 1216},
        "checkpoint": "mine/base.safetensors",
        "loras": [{"file": "ink.safetensors", "strength": 0.8}],
    }
    assert form["left_out"] == ["scheduler", "lora"]


async def test_values_that_the_form_does_not_take_are_left_out_and_named(
    house: CivitaiHouse,
) -> None:
    form = (await kept(house, Size="4096x4096", steps=999, prompt="fox_cub, {soft}"))["form"]
    assert form["values"]["prompt"] == r"fox\_cub, \{soft\}"
    assert {"size", "steps"} <= set(form["left_out"])
    assert form["values"].keys().isdisjoint({"size", "steps"})


@pytest.mark.parametrize("seed", [2**64, 2**64 - 1, -1, "7", 1.5])
async def test_no_seed_is_more_than_an_answer_can_hold(house: CivitaiHouse, seed: object) -> None:
    recipe = (await kept(house, seed=seed))["recipe"]
    assert recipe["seed"] == {"7": 7, 2**64 - 1: 2**64 - 1}.get(seed)


async def test_a_prompt_in_which_nothing_means_more_stays_as_it_is(house: CivitaiHouse) -> None:
    form = (await kept(house, prompt=r"fox_cub \(young\), (soft:1.2)"))["form"]
    assert form["values"]["prompt"] == r"fox_cub \(young\), (soft:1.2)"


async def test_a_picture_becomes_a_preset_of_who_asked_with_the_picture_on_it(
    house: CivitaiHouse,
) -> None:
    form = (await kept(house))["form"]
    house.be_gone()
    async with house.somebody("Mia") as mia, house.somebody("Tom") as tom:
        answer = await mia.post("/api/civitai/pictures/7/preset", json={})
        assert answer.status_code == 201, answer.text
        made = answer.json()
        preset = made["preset"]
        assert preset["values"] == form["values"]
        assert (preset["owner"]["name"], preset["tags"]) == ("Mia", ["civitai"])
        assert preset["name"].startswith("a {red|blue} fox")
        assert preset["questions"] == []
        assert made["left_out"][0] == "scheduler"
        assert (await mia.get(f"/api/presets/{preset['id']}/cover")).status_code == 200
        assert (await tom.get(f"/api/presets/{preset['id']}")).status_code == 404
        named = await mia.post("/api/civitai/pictures/7/preset", json={"name": "Foxes"})
        assert named.json()["preset"]["name"] == "Foxes"


async def test_without_the_network_a_model_is_known_by_what_it_was_fetched_as(
    house: CivitaiHouse,
) -> None:
    house.publish(7, meta=META)
    assert (await house.client.put("/api/civitai/pictures/7")).status_code == 200
    house.be_gone()
    used = (await house.client.get("/api/civitai/pictures/7")).json()["used"]
    states = {(one["kind"], one["name"]): (one["state"], one["match"]) for one in used}
    assert states == {
        ("lora", ""): ("present", "reference"),
        ("lora", "nowhere"): ("missing", None),
        ("checkpoint", "model"): ("present", "hash"),
        ("embedding", "tidy"): ("present", "name"),
    }


async def test_what_civitai_could_not_be_asked_about_is_neither_here_nor_missing(
    house: CivitaiHouse,
) -> None:
    house.publish(7, meta={"prompt": "x", "civitaiResources": [{"modelVersionId": 99}]})
    await house.client.put("/api/civitai/pictures/7")
    house.be_gone()
    [used] = (await house.client.get("/api/civitai/pictures/7")).json()["used"]
    assert (used["state"], used["install"]) == ("unknown", None)


async def test_a_picture_that_is_silent_about_how_it_was_made_is_no_preset(
    house: CivitaiHouse,
) -> None:
    house.publish(8)
    await house.client.put("/api/civitai/pictures/8")
    answer = await house.client.post("/api/civitai/pictures/8/preset", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    answer = await house.client.post("/api/civitai/pictures/9/preset", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
