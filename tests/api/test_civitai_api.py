"""Looking at Civitai's models and pictures through the API."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.civitai_house import picture, png
from tests.api.model_house import open_models
from tests.api.test_models_api import hashed, scan
from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.model_files import CHECKPOINT, LORA, put, safetensors
from tests.faults.harness import until_it

HERE, THERE = safetensors(LORA), safetensors(CHECKPOINT)
META = {
    "prompt": "a fox\n<lora:ink:0.8> embedding:tidy",
    "negativePrompt": "blurry",
    "seed": 1234567890123,
    "steps": 28,
    "sampler": "DPM++ 2M Karras",
    "cfgScale": 6.5,
    "Size": "832x1216",
    "Model": "base",
    "resources": [{"name": "nowhere", "type": "lora", "hash": "0123456789", "weight": 0.5}],
    "hashes": {"model": hashlib.sha256(THERE).hexdigest()[:10]},
    "civitaiResources": [{"type": "lora", "weight": 0.8, "modelVersionId": 10}],
}


@dataclass
class Setting:
    """A Studio that has the LoRA, and a Civitai that has the LoRA and the checkpoint."""

    client: httpx.AsyncClient
    civitai: Civitai

    async def look(self, url: str) -> dict[str, Any]:
        answer = await self.client.get("/api/civitai/look", params={"url": url})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def pictures(self, query: str = "") -> dict[str, Any]:
        answer = await self.client.get(f"/api/civitai/versions/10/pictures{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    put(tmp_path / "models/loras/mine/renamed.safetensors", HERE)
    async with running_civitai() as civitai:
        civitai.add_model(1, civitai.version(10, (100, "ink.safetensors", HERE)))
        civitai.add_model(
            2,
            civitai.version(20, (200, "base.safetensors", THERE), trainedWords=[]),
            type="Checkpoint",
            name="Base",
            description='<script>alert("x")</script><p>Plain &amp; simple</p>',
        )
        environ = {
            "CIVITAI_URL": civitai.base,
            "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8",
            "CIVITAI_NSFW": "1",
        }
        async with open_models(tmp_path, **environ) as client:
            await scan(client)
            await hashed(client)
            yield Setting(client, civitai)


async def test_a_model_shows_its_versions_and_files_with_what_is_here(setting: Setting) -> None:
    found = (await setting.look(f"{setting.civitai.base}/models/1?modelVersionId=10"))["model"]
    assert (found["name"], found["chosen"]) == ("Ink and Wash", 10)
    assert found["description"] == "Paints with ink."
    [version] = found["versions"]
    assert version["trained_words"] == ["inkwash", "ink wash style"]
    [file] = version["files"]
    assert file["here"]["name"] == "mine/renamed.safetensors"
    assert file["install"] is None


async def test_what_is_not_here_comes_with_the_body_of_its_download(setting: Setting) -> None:
    found = (await setting.look("civitai:20"))["model"]
    assert found["description"] == 'alert("x")Plain & simple'
    [file] = found["versions"][0]["files"]
    assert file["install"] == {
        "reference": "civitai:20/200",
        "name": "base.safetensors",
        "folder": "checkpoints",
        "sha256": hashlib.sha256(THERE).hexdigest(),
    }
    answer = await setting.client.post("/api/downloads", json=file["install"])
    assert answer.status_code in (200, 201), answer.text


async def test_a_model_that_has_come_is_here_at_the_next_look(setting: Setting) -> None:
    found = (await setting.look("civitai:20"))["model"]
    answer = await setting.client.post(
        "/api/downloads", json=found["versions"][0]["files"][0]["install"]
    )
    assert answer.status_code == 201, answer.text

    async def is_here() -> bool:
        model = (await setting.look("civitai:20"))["model"]
        return model["versions"][0]["files"][0]["here"] is not None

    await until_it(is_here, "the look finds what has come")


async def test_a_file_becomes_an_entry_of_the_owners_catalog_as_it_is_shown(
    setting: Setting,
) -> None:
    found = (await setting.look("civitai:10"))["model"]
    entry = found["versions"][0]["files"][0]["entry"]
    answer = await setting.client.put(f"/api/catalog/{entry['id']}", json=entry)
    assert answer.status_code == 200, answer.text
    listed = (await setting.client.get(f"/api/catalog/{entry['id']}")).json()
    assert (listed["reference"], listed["state"]) == ("civitai:10/100", "present")
    assert listed["trigger_words"] == ["inkwash", "ink wash style"]
    assert listed["license"] == "commercial use: Image, RentCivit; credit required"


async def test_a_picture_says_how_it_was_made_and_which_of_its_models_are_here(
    setting: Setting,
) -> None:
    setting.civitai.images.append(picture(7, "https://image.example/7.jpeg", meta=META))
    found = (await setting.look(f"{setting.civitai.base}/images/7"))["picture"]
    assert found["recipe"] == {
        "prompt": META["prompt"],
        "negative": "blurry",
        "seed": 1234567890123,
        "steps": 28,
        "cfg": 6.5,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "width": 832,
        "height": 1216,
    }
    used = {(each["kind"], each["name"]): each for each in found["used"]}
    assert used["lora", "ink.safetensors"]["state"] == "present"
    assert used["lora", "ink.safetensors"]["match"] == "hash"
    assert used["lora", "ink.safetensors"]["weight"] == 0.8
    base = used["checkpoint", "base"]
    assert (base["state"], base["install"]["reference"]) == ("missing", "civitai:20/200")
    assert used["lora", "nowhere"]["install"] is None
    assert used["embedding", "tidy"]["state"] == "missing"


async def test_pictures_come_in_pages_each_once_and_only_those_for_everybody(
    setting: Setting,
) -> None:
    setting.civitai.images += [
        picture(1, "https://image.example/1.jpeg"),
        picture(1, "https://image.example/1.jpeg"),
        picture(2, "https://image.example/2.jpeg", nsfwLevel="Soft", browsingLevel=2),
        picture(3, "https://image.example/3.jpeg", nsfw=None, nsfwLevel=None, browsingLevel=None),
        {"id": "4", "modelVersionIds": [10]},
        picture(5, "https://image.example/5.mp4", type="video"),
    ]
    first = await setting.pictures("?limit=4")
    assert [item["id"] for item in first["items"]] == [1]
    second = await setting.pictures(f"?limit=4&cursor={first['next_cursor']}")
    assert [(item["id"], item["kind"]) for item in second["items"]] == [(5, "video")]
    assert second["next_cursor"] is None
    everything = await setting.pictures("?nsfw=1")
    assert [item["id"] for item in everything["items"]] == [1, 2, 3, 5]


async def test_a_picture_becomes_a_file_of_who_took_it(setting: Setting) -> None:
    setting.civitai.origin.serve("a/7.jpeg", png(), content_type="image/jpeg")
    setting.civitai.images.append(picture(7, setting.civitai.origin.url("a/7.jpeg")))
    answer = await setting.client.post("/api/civitai/pictures/7/input")
    assert answer.status_code == 201, answer.text
    asset = answer.json()
    assert (asset["content_type"], asset["file_path"]) == ("image/png", "civitai-7.jpeg")
    content = await setting.client.get(
        f"/api/v2/assets/{asset['id']}/content", follow_redirects=True
    )
    assert content.content == png()


async def test_what_is_no_picture_leaves_nothing_behind(setting: Setting, tmp_path: Path) -> None:
    setting.civitai.origin.serve("a/8.jpeg", b"<html>no</html>", content_type="text/html")
    setting.civitai.images.append(picture(8, setting.civitai.origin.url("a/8.jpeg")))
    answer = await setting.client.post("/api/civitai/pictures/8/input")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_a_model")
    assert [path for path in (tmp_path / "house/assets").glob("*/*") if path.is_file()] == []


async def test_a_picture_at_a_private_address_is_not_fetched(setting: Setting) -> None:
    setting.civitai.images.append(picture(9, "http://169.254.169.254/latest/meta-data"))
    answer = await setting.client.post("/api/civitai/pictures/9/input")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked_address")


@pytest.mark.parametrize("url", ["", "hf:a/b/c.gguf", "https://example.org/models/1", "fox"])
async def test_what_is_not_civitais_is_refused(setting: Setting, url: str) -> None:
    answer = await setting.client.get("/api/civitai/look", params={"url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_limit_of_civitais_is_passed_on_with_its_time(setting: Setting) -> None:
    setting.civitai.forced("/api/v1/models", 429, **{"Retry-After": "40"})
    answer = await setting.client.get("/api/civitai/look", params={"url": "civitai:10"})
    answer = await setting.client.get(
        "/api/civitai/look", params={"url": f"{setting.civitai.base}/models/1"}
    )
    assert answer.json()["error"]["code"] == "rate_limited"
    # A little more than Civitai said, so that not everybody comes back at once.
    assert 0 < int(answer.headers["retry-after"]) <= 44
