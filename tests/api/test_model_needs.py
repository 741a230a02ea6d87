"""What a workflow lacks: found by what it says, by its hash, in the catalogs, and then fetched."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of
from tests.api.model_house import open_models
from tests.api.test_models_api import hashed, scan
from tests.fakes.model_files import CHECKPOINT, LORA, VAE, put, safetensors
from tests.fakes.origin import Origin, running_origin

VAE_BYTES = safetensors(VAE)
LORA_BYTES = safetensors(LORA)
SHA = hashlib.sha256(VAE_BYTES).hexdigest()


def api_graph(**files: str) -> dict[str, Any]:
    """A graph with a loader for each: ``ckpt_name``, ``vae_name``, ``lora_name``."""
    classes = {
        "ckpt_name": "CheckpointLoaderSimple",
        "vae_name": "VAELoader",
        "lora_name": "LoraLoaderModelOnly",
    }
    return {
        str(number): {"class_type": classes[name], "inputs": {name: file}}
        for number, (name, file) in enumerate(files.items(), 1)
    }


def ui_graph(*models: dict[str, str]) -> dict[str, Any]:
    """What the editor saves, with the models that a node of a subgraph says it needs."""
    node = {"id": 1, "type": "VAELoader", "properties": {"models": list(models)}}
    return {
        "nodes": [{"id": 2, "type": "sub"}],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [{"id": "sub", "nodes": [node], "links": []}]},
    }


async def lacks(client: httpx.AsyncClient, **body: Any) -> dict[str, dict[str, Any]]:
    answer = await client.post("/api/models/missing", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    states = [model["state"] for model in found["models"]]
    assert found["missing"] == len(states) - states.count("present")
    return {model["file"]: model for model in found["models"]}


async def downloaded(client: httpx.AsyncClient, ids: list[str]) -> list[dict[str, Any]]:
    """The downloads, once all have ended."""
    for _ in range(2000):
        found = [(await client.get(f"/api/downloads/{one}")).json() for one in ids]
        if all(each["state"] in ("done", "failed", "canceled") for each in found):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("the downloads do not end")


async def until_present(client: httpx.AsyncClient, graph: dict[str, Any]) -> None:
    """A download that is done is listed a moment later."""
    for _ in range(1000):
        found = await lacks(client, graph=graph)
        if {model["state"] for model in found.values()} == {"present"}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still missing: {found}")


async def test_each_model_of_a_graph_is_there_or_says_where_it_can_be_had(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/mine.safetensors", VAE_BYTES)
    put(tmp_path / "models/checkpoints/sub/base.safetensors", safetensors(CHECKPOINT))
    graph = api_graph(
        vae_name="mine.safetensors",
        ckpt_name="sd_xl_base_1.0.safetensors",
        lora_name="nobody-knows.safetensors",
    )
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        found = await lacks(client, graph=graph)
        assert found["mine.safetensors"]["state"] == "present"
        base = found["sd_xl_base_1.0.safetensors"]
        assert (base["state"], base["folder"]) == ("missing", "checkpoints")
        assert [(each["source"], each["match"]) for each in base["offers"]] == [("catalog", "name")]
        wish = base["install"]
        assert wish["reference"].startswith("hf:stabilityai/stable-diffusion-xl-base-1.0/")
        assert (wish["folder"], wish["name"]) == ("checkpoints", "sd_xl_base_1.0.safetensors")
        assert len(wish["sha256"]) == 64
        unknown = found["nobody-knows.safetensors"]
        assert (unknown["state"], unknown["offers"], unknown["install"]) == ("missing", [], None)
        by_name = await lacks(client, graph=api_graph(ckpt_name="base.safetensors"))
        [elsewhere] = by_name.values()
        assert (elsewhere["state"], elsewhere["found"]["match"]) == ("elsewhere", "name")
        assert elsewhere["found"]["name"] == "sub/base.safetensors"


def listed(file: str, **facts: Any) -> dict[str, Any]:
    """A model as a manifest lists it."""
    return {"file": file, "class": "VAELoader", "input": "vae_name", **facts}


async def test_a_list_as_a_manifest_has_it_is_answered_as_a_workflow_is(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/mine.safetensors", VAE_BYTES)
    url = "https://example.org/theirs.safetensors"
    theirs = listed("theirs.safetensors", directory="vae", url=url, sha256=SHA, fix={"size": 1})
    async with open_models(tmp_path) as client:
        await scan(client)
        models = [listed("mine.safetensors", directory="vae"), theirs]
        found = await lacks(client, models=models)
        assert found["mine.safetensors"]["state"] == "present"
        assert found["theirs.safetensors"]["install"] == {
            "reference": url,
            "folder": "vae",
            "name": "theirs.safetensors",
            "sha256": SHA,
        }


@pytest.mark.parametrize(
    "models",
    [
        "vae.safetensors",
        ["vae.safetensors"],
        [{"file": "vae.safetensors"}],
        [listed("vae.safetensors", url=7)],
        [listed("vae.safetensors", size="large")],
        [listed("vae.safetensors", sha256="../elsewhere")],
        [listed("vae.safetensors")] * 201,
    ],
    ids=["text", "texts", "bare", "url", "size", "hash", "many"],
)
async def test_what_is_no_list_of_models_is_refused(models: object, tmp_path: Path) -> None:
    async with open_models(tmp_path) as client:
        answer = await client.post("/api/models/missing", json={"models": models})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


async def test_the_list_that_a_saved_workflow_carries_is_believed_first(tmp_path: Path) -> None:
    said = {
        "name": "ae.safetensors",
        "url": "https://example.org/their/ae.safetensors",
        "directory": "vae",
        "hash": "B" * 64,
        "hash_type": "SHA256",
    }
    async with open_models(tmp_path) as client:
        [model] = (await lacks(client, graph=ui_graph(said))).values()
        assert [each["source"] for each in model["offers"]] == ["workflow", "catalog"]
        assert model["install"]["reference"] == said["url"]
        assert model["install"]["sha256"] == "b" * 64
        assert model["disagree"] is True


async def test_a_file_is_recognised_by_its_hash_under_another_name(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/renamed.safetensors", VAE_BYTES)
    said = {"name": "original.safetensors", "directory": "vae", "hash": SHA}
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        [model] = (await lacks(client, graph=ui_graph(said))).values()
        assert model["state"] == "elsewhere"
        assert model["found"]["match"] == "hash"
        assert model["found"]["name"] == "renamed.safetensors"
        assert model["install"] is None


async def test_a_name_with_other_bytes_or_half_a_file_is_not_there(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/other.safetensors", VAE_BYTES)
    put(tmp_path / "models/vae/half.safetensors", VAE_BYTES[:-2])
    other = {"name": "other.safetensors", "directory": "vae", "hash": "c" * 64}
    half = {"name": "half.safetensors", "directory": "vae"}
    async with open_models(tmp_path) as client:
        await scan(client)
        await hashed(client)
        found = await lacks(client, graph=ui_graph(other, half))
        assert found["other.safetensors"]["state"] == "different"
        assert found["other.safetensors"]["install"] is None
        assert found["half.safetensors"]["state"] == "damaged"


async def test_a_file_of_another_size_is_another_one_before_its_hash_is_computed(
    tmp_path: Path,
) -> None:
    put(tmp_path / "models" / "vae" / "ae.safetensors", VAE_BYTES)
    said = {"file": "ae.safetensors", "class": "VAELoader", "input": "vae_name"}
    said |= {"directory": "vae", "url": "https://example.org/ae.safetensors"}
    async with open_models(tmp_path) as client:
        await scan(client)
        states = [
            (await lacks(client, models=[said | {"size": size}]))["ae.safetensors"]["state"]
            for size in (len(VAE_BYTES), len(VAE_BYTES) + 1)
        ]
        assert states == ["present", "different"]


async def test_a_stored_workflow_and_a_file_with_hostile_names_are_answered(
    tmp_path: Path,
) -> None:
    async with open_models(tmp_path) as client:
        found = await lacks(client, workflow_id="flux")
        assert found["flux1-dev-fp8.safetensors"]["state"] == "missing"
        hostile = [
            {"name": "../../../etc/passwd", "directory": "vae"},
            {"name": "x.safetensors", "directory": "../vae", "url": "file:///etc/passwd"},
            {"name": "y.safetensors", "directory": "vae", "url": "https://a:b@example.org/y"},
        ]
        found = await lacks(client, graph=ui_graph(*hostile))
        assert found.keys() == {"x.safetensors", "y.safetensors"}
        assert found["x.safetensors"]["install"] is None
        assert found["y.safetensors"]["install"] is None
        for body in ({}, {"graph": {}, "job_id": "1"}):
            refused = await client.post("/api/models/missing", json=body)
            assert (refused.status_code, code_of(refused)) == (400, "invalid_request")
        assert (
            await client.post("/api/models/missing", json={"workflow_id": "none"})
        ).status_code == 404
        assert (
            await client.post("/api/models/missing", json={"graph": {"1": "no node"}})
        ).status_code == 422


def entry(origin: Origin, name: str, folder: str, content: bytes, **more: Any) -> dict[str, Any]:
    origin.serve(name, content)
    return {
        "id": name.partition(".")[0],
        "name": name,
        "folder": folder,
        "file": name,
        "reference": origin.url(name),
        "sha256": hashlib.sha256(content).hexdigest(),
        **more,
    }


async def test_two_missing_models_are_installed_and_then_there(tmp_path: Path) -> None:
    async with running_origin() as origin:
        allow = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}"}
        async with open_models(tmp_path, **allow) as client:
            entries = [
                entry(origin, "one.safetensors", "vae", VAE_BYTES),
                entry(origin, "two.safetensors", "loras", LORA_BYTES),
            ]
            taken = await client.post(
                "/api/catalog/import", json={"catalog": 1, "entries": entries}
            )
            assert taken.json() == {"imported": 2}
            graph = api_graph(vae_name="one.safetensors", lora_name="sub/two.safetensors")
            found = await lacks(client, graph=graph)
            made = [
                (await client.post("/api/downloads", json=model["install"])).json()["id"]
                for model in found.values()
            ]
            assert [each["state"] for each in await downloaded(client, made)] == ["done", "done"]
            await until_present(client, graph)
            lora = (tmp_path / "models/loras/sub/two.safetensors").read_bytes()
            assert lora == LORA_BYTES
            listed = (await client.get("/api/catalog/one")).json()
            assert listed["state"] == "present"
            again = await client.post("/api/catalog/one/install")
            assert (again.status_code, again.json()) == (202, {"downloads": []})


@pytest.mark.parametrize("text", ["yaml", "json"])
async def test_a_manifest_brings_what_is_missing_and_one_that_fails_stops_nothing(
    tmp_path: Path, text: str
) -> None:
    async with running_origin() as origin:
        origin.serve("one.safetensors", VAE_BYTES)
        origin.serve("page.safetensors", b"<!doctype html><p>Log in</p>", content_type="text/html")
        put(tmp_path / "models/loras/there.safetensors", LORA_BYTES)
        manifest = {
            "before": [
                {"reference": origin.url("one.safetensors"), "folder": "vae", "sha256": SHA},
                {
                    "reference": origin.url("never-asked.safetensors"),
                    "folder": "loras",
                    "name": "there.safetensors",
                },
            ],
            "after": [
                {"reference": origin.url("page.safetensors"), "folder": "vae"},
                {"reference": "file:///etc/passwd", "folder": "vae"},
                "no-such-entry",
                {"folder": "vae"},
            ],
        }
        path = tmp_path / f"models.{text}"
        path.write_text(json.dumps(manifest, indent=1))
        more = {
            "MODEL_MANIFEST": str(path),
            "STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}",
        }
        async with open_models(tmp_path, **more) as client:
            notices = await settled(client, 4)
            assert (tmp_path / "models/vae/one.safetensors").read_bytes() == VAE_BYTES
            assert sorted(path.name for path in (tmp_path / "models/vae").glob("*.s*")) == [
                "one.safetensors"
            ]
            assert all("after[" in notice for notice in notices)
            told = "\n".join(notices)
            for entry in ("page.safetensors”", "“file:///etc/passwd”", "“no-such-entry” cannot"):
                assert entry in told
            assert "after[3] cannot be used: It lacks reference." in told
            assert not any("never-asked" in asked.path for asked in origin.asked)


async def settled(client: httpx.AsyncClient, expected: int) -> list[str]:
    """The notices about the manifest, once there are as many as expected and none is fetched."""
    for _ in range(2000):
        ready = (await client.get("/ready")).json()
        notices = [each for each in ready["notices"] if "manifest" in each]
        if len(notices) >= expected and not any("manifest" in each for each in ready["reasons"]):
            return notices
        await asyncio.sleep(0.01)
    raise AssertionError(f"notices: {notices}")


@pytest.mark.parametrize(
    "content", ["before: [", "models: []", "before: x", "- a", "before: &a [*a]"]
)
async def test_a_manifest_that_cannot_be_read_is_told_and_studio_runs(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(content)
    async with open_models(tmp_path, MODEL_MANIFEST=str(path)) as client:
        [notice] = await settled(client, 1)
        assert content != "before: x" or "“before” is no list" in notice
        assert (await client.get("/api/models")).status_code == 200
