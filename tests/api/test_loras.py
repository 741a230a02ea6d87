"""``GET /api/loras``: what somebody who fills in a form is told of each LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.api.model_house import open_models
from tests.api.test_models_api import scan
from tests.fakes.model_files import LORA, SDXL, put, safetensors


def lora(path: Path, architecture: str = "", **metadata: str) -> None:
    said = {"modelspec.architecture": architecture} if architecture else {}
    put(path, safetensors(LORA, {**said, **metadata}))


async def listed(client: httpx.AsyncClient, **query: str) -> tuple[str | None, dict[str, Any]]:
    answer = await client.get("/api/loras", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["family_name"], {each["file"]: each for each in body["items"]}


async def test_each_fits_the_chosen_checkpoint_or_not_and_what_is_unknown_says_so(
    tmp_path: Path,
) -> None:
    loras = tmp_path / "models/loras"
    put(tmp_path / "models/checkpoints/mine.safetensors", safetensors(SDXL))
    lora(loras / "xl.safetensors", "stable-diffusion-xl-v1-base/lora")
    lora(loras / "old.safetensors", "stable-diffusion-v1/lora")
    lora(loras / "style/unknown.safetensors")
    async with open_models(tmp_path) as client:
        await scan(client)
        family, found = await listed(client, checkpoint="mine.safetensors")
        assert family == "SDXL"
        assert {file: each["fits"] for file, each in found.items()} == {
            "xl.safetensors": True,
            "old.safetensors": False,
            "style/unknown.safetensors": None,
        }
        assert found["old.safetensors"]["family_name"] == "Stable Diffusion 1.5"
        family, found = await listed(client)
        assert family is None
        assert {each["fits"] for each in found.values()} == {None}


async def test_a_checkpoint_that_only_the_catalog_knows_has_its_family(tmp_path: Path) -> None:
    lora(tmp_path / "models/loras/xl.safetensors", "stable-diffusion-xl-v1-base/lora")
    async with open_models(tmp_path) as client:
        await scan(client)
        family, found = await listed(client, checkpoint="sd_xl_base_1.0.safetensors")
        assert (family, found["xl.safetensors"]["fits"]) == ("SDXL", True)


async def test_what_a_workflow_is_for_counts_where_the_file_says_nothing(tmp_path: Path) -> None:
    lora(tmp_path / "models/loras/xl.safetensors", "stable-diffusion-xl-v1-base/lora")
    async with open_models(tmp_path) as client:
        await scan(client)
        # What was made for Pony can be tried on SDXL.
        family, found = await listed(client, checkpoint="odd.safetensors", base_model="Pony V6")
        assert (family, found["xl.safetensors"]["fits"]) == ("Pony Diffusion V6", True)


async def test_trigger_words_and_titles_come_along_and_damaged_files_do_not(
    tmp_path: Path,
) -> None:
    loras = tmp_path / "models/loras"
    words = {"modelspec.trigger_phrase": "inkstyle, wash", "modelspec.title": "Ink"}
    lora(loras / "ink.safetensors", **words)
    put(loras / "half.safetensors", safetensors(LORA)[:-2])
    async with open_models(tmp_path) as client:
        await scan(client)
        _, found = await listed(client)
        assert found.keys() == {"ink.safetensors"}
        assert found["ink.safetensors"]["title"] == "Ink"
        assert found["ink.safetensors"]["trigger_words"] == ["inkstyle", "wash"]
