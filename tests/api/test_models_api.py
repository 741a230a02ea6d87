"""Model files over HTTP: adopted from disk, judged, moved, deleted, and what needs them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import CHECKPOINT as CHECKPOINT_NAME
from tests.api.graphs import code_of, text_to_image
from tests.api.model_house import open_models
from tests.api.studio_process import RunningStudio
from tests.fakes.model_files import CHECKPOINT, FLUX, LORA, SDXL, VAE, gguf, put, safetensors

TAGS = {"ss_tag_frequency": '{"10_anna": {"anna": 40, "red hair": 31, "indoors": 3}}'}


async def scan(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/api/models/scan")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def models(client: httpx.AsyncClient, **query: str) -> dict[str, dict[str, Any]]:
    """The files of a page by folder and name."""
    answer = await client.get("/api/models", params=query)
    assert answer.status_code == 200, answer.text
    return {f"{item['folder']}/{item['name']}": item for item in answer.json()["items"]}


async def hashed(client: httpx.AsyncClient) -> None:
    """Wait until every file has been read."""
    for _ in range(1000):
        waiting = (await client.get("/api/models/verify")).json()["waiting"]
        if not waiting and not await models(client, state="unhashed"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("files are still not hashed")


async def test_files_that_lie_on_disk_are_adopted_with_what_their_headers_say(
    tmp_path: Path,
) -> None:
    lora = safetensors(LORA, {"ss_base_model_version": "sdxl_base_v1-0", **TAGS})
    put(tmp_path / "models/checkpoints/deep/er/base.safetensors", safetensors(SDXL))
    put(tmp_path / "models/loras/anna.safetensors", lora)
    put(tmp_path / "models/clip/old.safetensors", safetensors(("text_model.encoder.x",)))
    put(tmp_path / "models/loras/.half.part", b"nothing")
    put(tmp_path / "models/custom_nodes/weights.safetensors", safetensors(VAE))
    put(tmp_path / "llm/small.gguf", gguf({"general.architecture": "qwen3"}))
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        found = await models(client)
        assert found.keys() == {
            "checkpoints/deep/er/base.safetensors",
            "loras/anna.safetensors",
            "text_encoders/old.safetensors",
            "llm/small.gguf",
        }
        anna = found["loras/anna.safetensors"]
        assert (anna["kind"], anna["family"], anna["family_name"]) == ("lora", "sdxl", "SDXL")
        assert anna["trigger_words"] == ["anna", "red hair"]
        assert anna["sha256"] == hashlib.sha256(lora).hexdigest()
        assert found["checkpoints/deep/er/base.safetensors"]["family"] == "sdxl"
        assert found["text_encoders/old.safetensors"]["place"] == "clip"
        assert found["llm/small.gguf"]["family"] == "qwen3"
        assert await models(client, q="RED anna") == {"loras/anna.safetensors": anna}
        facets = (await client.get("/api/models/facets")).json()
        assert {"value": "sdxl", "count": 2} in facets["family"]


async def test_what_a_catalog_says_of_a_file_fills_in_where_its_header_is_silent(
    tmp_path: Path,
) -> None:
    """In the list, the search, the filter and the facets: not where LoRAs are chosen alone."""
    put(tmp_path / "models/vae/bare.safetensors", safetensors(VAE))
    put(tmp_path / "models/vae/other.safetensors", safetensors(VAE))
    said = {
        "name": "Ink and Wash",
        "folder": "vae",
        "file": "bare.safetensors",
        "reference": "https://example.org/bare.safetensors",
        "family": "anima",
    }
    async with open_models(tmp_path) as client:
        await scan(client)
        assert (await client.put("/api/catalog/ink", json=said)).status_code == 200
        found = (await models(client))["vae/bare.safetensors"]
        assert (found["title"], found["family"], found["family_name"]) == (
            "Ink and Wash",
            "anima",
            "Anima",
        )
        assert (await models(client, q="wash INK")).keys() == {"vae/bare.safetensors"}
        assert (await models(client, family="anima")).keys() == {"vae/bare.safetensors"}
        facets = (await client.get("/api/models/facets")).json()
        assert facets["family"] == [{"value": "anima", "count": 1}]
        # What its owner knows better counts everywhere.
        own = {"family": "sdxl"}
        assert (await client.patch(f"/api/models/{found['id']}", json=own)).status_code == 200
        assert (await models(client))["vae/bare.safetensors"]["family"] == "sdxl"
        assert await models(client, family="anima") == {}
        facets = (await client.get("/api/models/facets")).json()
        assert facets["family"] == [{"value": "sdxl", "count": 1}]


async def test_a_scan_reads_only_what_has_changed_and_forgets_what_is_gone(tmp_path: Path) -> None:
    first = put(tmp_path / "models/vae/one.safetensors", safetensors(VAE))
    second = put(tmp_path / "models/vae/two.safetensors", safetensors(VAE, fill=b"\1"))
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        before = await models(client)
        assert (await scan(client))["added"] == 0
        assert await models(client) == before
        first.unlink()
        second.write_bytes(safetensors(VAE, fill=b"\2"))
        os.utime(second, ns=(1, 1))
        found = await scan(client)
        assert (found["added"], found["changed"], found["gone"]) == (0, 1, 1)
        await hashed(client)
        after = await models(client)
        assert after.keys() == {"vae/two.safetensors"}
        two = after["vae/two.safetensors"]
        assert two["id"] == before["vae/two.safetensors"]["id"]
        assert two["sha256"] == hashlib.sha256(second.read_bytes()).hexdigest()


async def test_a_root_that_is_away_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/one.safetensors", safetensors(VAE))
    async with open_models(tmp_path) as client:
        await scan(client)
        (tmp_path / "models").rename(tmp_path / "unplugged")
        assert (await scan(client))["unreachable"] == ["models"]
        assert len(await models(client)) == 1
        (tmp_path / "unplugged").rename(tmp_path / "models")
        assert (await scan(client))["added"] == 0


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("cut.safetensors", safetensors(VAE)[:-3], "truncated"),
        ("page.safetensors", b"<!doctype html><title>Log in</title>", "not_a_model"),
        ("huge.safetensors", b"\xff" * 8 + b"{}", "not_a_model"),
        ("empty.safetensors", b"", "not_a_model"),
        ("page.gguf", b"<!doctype html>", "not_a_model"),
        ("cut.gguf", gguf({"general.architecture": "llama"})[:30], "truncated"),
    ],
)
async def test_a_name_alone_is_no_model(tmp_path: Path, name: str, data: bytes, fault: str) -> None:
    put(tmp_path / "models/checkpoints" / name, data)
    async with open_models(tmp_path) as client:
        await scan(client)
        [file] = (await models(client, state="damaged")).values()
        assert file["fault"] == fault


async def test_a_file_in_the_wrong_folder_is_flagged_and_moved_by_one_request(
    tmp_path: Path,
) -> None:
    wrong = put(tmp_path / "models/checkpoints/style.safetensors", safetensors(LORA))
    put(tmp_path / "models/checkpoints/flux.safetensors", safetensors(FLUX))
    put(tmp_path / "models/ipadapter/own.safetensors", safetensors(LORA))
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        found = await models(client, state="misplaced")
        assert {key: each["belongs_in"] for key, each in found.items()} == {
            "checkpoints/style.safetensors": "loras",
            "checkpoints/flux.safetensors": "diffusion_models",
        }
        style = found["checkpoints/style.safetensors"]
        moved = (await client.post(f"/api/models/{style['id']}/move")).json()
        assert (moved["folder"], moved["belongs_in"]) == ("loras", None)
        assert (moved["id"], moved["sha256"]) == (style["id"], style["sha256"])
        assert (tmp_path / "models/loras/style.safetensors").is_file() and not wrong.exists()
        assert (await scan(client))["added"] == 0


async def test_a_move_replaces_nothing(tmp_path: Path) -> None:
    source = put(tmp_path / "models/checkpoints/style.safetensors", safetensors(LORA))
    other = put(tmp_path / "models/loras/style.safetensors", safetensors(LORA, fill=b"\7"))
    kept = other.read_bytes()
    async with open_models(tmp_path) as client:
        await scan(client)
        [file] = (await models(client, state="misplaced")).values()
        refused = await client.post(f"/api/models/{file['id']}/move")
        assert (refused.status_code, code_of(refused)) == (409, "conflict")
        assert other.read_bytes() == kept and source.is_file()
        for folder in ("../outside", "custom_nodes", "", "a/b"):
            refused = await client.post(f"/api/models/{file['id']}/move", json={"folder": folder})
            assert refused.status_code in (400, 422, 409)
        assert source.is_file()


async def test_deleting_names_the_workflows_that_would_break(tmp_path: Path) -> None:
    path = put(tmp_path / "models/checkpoints/flux1-dev-fp8.safetensors", safetensors(SDXL))
    async with open_models(tmp_path) as client:
        await scan(client)
        [file] = (await models(client)).values()
        detail = (await client.get(f"/api/models/{file['id']}")).json()
        assert [each["name"] for each in detail["needed_by"]["workflows"]] == ["Flux"]
        refused = await client.delete(f"/api/models/{file['id']}")
        assert (refused.status_code, code_of(refused)) == (409, "model_needed")
        assert refused.json()["error"]["details"]["workflows"] == detail["needed_by"]["workflows"]
        assert path.is_file()
        done = await client.delete(f"/api/models/{file['id']}", params={"force": "1"})
        assert done.status_code == 204
        assert not path.exists() and await models(client) == {}
        assert (await client.get(f"/api/models/{file['id']}")).status_code == 404


async def test_a_shared_folder_that_is_read_only_is_read_and_never_written(tmp_path: Path) -> None:
    put(tmp_path / "models/checkpoints/style.safetensors", safetensors(LORA))
    put(tmp_path / "own/vae/mine.safetensors", safetensors(VAE))
    before = sorted((tmp_path / "models").rglob("*"))
    async with open_models(tmp_path, STUDIO_OWN_MODEL_DIR=str(tmp_path / "own")) as client:
        await scan(client)
        await hashed(client)
        found = await models(client)
        shared, own = found["checkpoints/style.safetensors"], found["vae/mine.safetensors"]
        assert (shared["writable"], own["writable"]) == (False, True)
        for request in (
            client.post(f"/api/models/{shared['id']}/move"),
            client.delete(f"/api/models/{shared['id']}", params={"force": "1"}),
        ):
            refused = await request
            assert (refused.status_code, code_of(refused)) == (403, "forbidden")
        assert (await client.delete(f"/api/models/{own['id']}")).status_code == 204
        assert sorted((tmp_path / "models").rglob("*")) == before


async def test_bytes_that_are_not_what_was_fetched_are_told(tmp_path: Path) -> None:
    path = put(tmp_path / "models/vae/one.safetensors", safetensors(VAE))
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        [file] = (await models(client)).values()
        facts = path.stat()
        path.write_bytes(safetensors(VAE, fill=b"\5"))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        answer = await client.post("/api/models/verify", json={"ids": [file["id"]]})
        assert answer.status_code == 202
        await hashed(client)
        [after] = (await models(client, state="damaged")).values()
        assert (after["fault"], after["sha256"]) == ("hash_mismatch", file["sha256"])
        path.write_bytes(safetensors(VAE))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        await client.post("/api/models/verify", json={})
        await hashed(client)
        assert await models(client, state="damaged") == {}
        unknown = await client.post("/api/models/verify", json={"ids": ["nobody"]})
        assert unknown.status_code == 404


async def test_what_its_owner_knows_better_is_kept_through_scans(tmp_path: Path) -> None:
    path = put(tmp_path / "models/loras/own.safetensors", safetensors(LORA))
    async with open_models(tmp_path) as client:
        await scan(client)
        [file] = (await models(client)).values()
        wanted = {
            "notes": "soft light",
            "favourite": True,
            "family": "Flux.1 D",
            "trigger_words": ["glow"],
        }
        changed = (await client.patch(f"/api/models/{file['id']}", json=wanted)).json()
        assert (changed["family"], changed["trigger_words"]) == ("flux-1", ["glow"])
        os.utime(path, ns=(1, 1))
        assert (await scan(client))["changed"] == 1
        [after] = (await models(client, state="favourite")).values()
        assert (after["notes"], after["family"], after["trigger_words"]) == (
            "soft light",
            "flux-1",
            ["glow"],
        )
        for wrong in ({"notes": 1}, {"name": "x"}, {"trigger_words": "glow"}, {"favourite": 1}):
            refused = await client.patch(f"/api/models/{file['id']}", json=wrong)
            assert (refused.status_code, code_of(refused)) == (422, "invalid_request")


async def test_the_disks_tell_what_uses_how_much_and_what_can_go(tmp_path: Path) -> None:
    put(tmp_path / "models/checkpoints/flux1-dev-fp8.safetensors", safetensors(CHECKPOINT))
    put(tmp_path / "models/vae/one.safetensors", safetensors(VAE))
    put(tmp_path / "models/vae/copy.safetensors", safetensors(VAE))
    put(tmp_path / "models/vae/cut.safetensors", safetensors(VAE)[:-1])
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        found = (await client.get("/api/models/disk")).json()
        sizes = {
            folder: sum(path.stat().st_size for path in (tmp_path / "models" / folder).iterdir())
            for folder in ("checkpoints", "vae")
        }
        assert {each["folder"]: each["bytes"] for each in found["models"]["by_folder"]} == sizes
        assert found["usage"]["models"] == sum(sizes.values())
        assert found["usage"]["database"] > 0
        assert len(found["reclaimable"]["duplicates"]) == 1
        assert [each["name"] for each in found["reclaimable"]["damaged"]] == ["cut.safetensors"]
        assert found["reclaimable"]["unused"] == []
        [needed] = [each for each in found["models"]["largest"] if each["workflows"]]
        assert needed["workflows"][0]["name"] == "Flux"
        assert all(volume["total_bytes"] > 0 for volume in found["volumes"])


def test_a_model_that_an_unfinished_job_needs_is_neither_moved_nor_deleted(
    studio: RunningStudio, paused: httpx.Client
) -> None:
    path = put(studio.folder / "models" / "checkpoints" / CHECKPOINT_NAME, safetensors(SDXL))
    assert paused.post("/api/models/scan").status_code == 200
    [file] = paused.get("/api/models", params={"q": CHECKPOINT_NAME}).json()["items"]
    made = paused.post("/api/jobs", json={"workflow": text_to_image("a fox")})
    assert made.status_code == 201, made.text
    assert paused.get(f"/api/models/{file['id']}").json()["needed_by"]["in_use"] is True
    for refused in (
        paused.delete(f"/api/models/{file['id']}", params={"force": "1"}),
        paused.post(f"/api/models/{file['id']}/move", json={"folder": "vae"}),
    ):
        assert (refused.status_code, code_of(refused)) == (409, "model_in_use")
    paused.post("/api/queue/clear")
    deleted = paused.delete(f"/api/models/{file['id']}", params={"force": "1"})
    assert deleted.status_code == 204
    assert not path.exists()


def test_the_readiness_of_a_workflow_says_where_its_models_can_be_had(
    owner: httpx.Client,
) -> None:
    found = owner.get("/api/workflows/wan22-image-to-video/readiness").json()
    fixes = {model["file"]: model["fix"] for model in found["missing_models"]}
    assert len(fixes) >= 4
    for file, fix in fixes.items():
        assert fix["match"] == "name" and fix["reference"].endswith(f"/{file}@main")
        assert owner.get(f"/api/catalog/{fix['entry']}").json()["file"] == file
