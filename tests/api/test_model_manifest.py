"""The manifest of models over the starts of a Studio."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.api.model_house import open_models
from tests.api.test_model_needs import VAE_BYTES, settled
from tests.fakes.gguf_files import write_model, write_projector
from tests.fakes.origin import Origin, running_origin


async def start(studio: Path, origin: Origin, **said: str) -> list[str]:
    """Start with one model to have before serving: what is told about it.

    The one after it is never there: once that is told, everything before it is settled.
    """
    path = studio / "models.json"
    last = {"reference": origin.url("gone.safetensors"), "folder": "vae"}
    path.write_text(json.dumps({"before": [said], "after": [last]}))
    allow = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}"}
    async with open_models(studio, MODEL_MANIFEST=str(path), **allow) as client:
        found = await settled(client, 1)
        while not any("after[0]" in each for each in found):
            await asyncio.sleep(0.01)
            found = await settled(client, 1)
    return [each for each in found if "before[0]" in each]


@pytest.mark.parametrize(("folder", "place"), [("vae", "vae"), ("clip", "text_encoders")])
async def test_a_model_of_the_manifest_is_fetched_at_the_first_start_alone(
    tmp_path: Path, folder: str, place: str
) -> None:
    """Without a name it has its source's; older names of folders mean the same files."""
    async with running_origin() as origin:
        origin.serve("one.safetensors", VAE_BYTES)
        said = {"reference": origin.url("one.safetensors"), "folder": folder}

        def fetched() -> int:
            return [asked.path for asked in origin.asked].count("one.safetensors")

        assert await start(tmp_path, origin, **said) == []
        assert (tmp_path / "models" / place / "one.safetensors").read_bytes() == VAE_BYTES
        first = fetched()
        assert await start(tmp_path, origin, **said) == []
        assert await start(tmp_path, origin, **said, name="one.safetensors") == []
        assert fetched() == first


async def test_a_server_that_is_busy_for_long_keeps_no_studio_from_working(tmp_path: Path) -> None:
    async with running_origin() as origin:
        origin.serve("one.safetensors", VAE_BYTES, refusals=[(503, {"Retry-After": "3000"})])
        path = tmp_path / "models.json"
        wanted = {"reference": origin.url("one.safetensors"), "folder": "vae"}
        path.write_text(json.dumps({"before": [wanted]}))
        allow = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}"}
        async with open_models(tmp_path, MODEL_MANIFEST=str(path), **allow) as client:
            for _ in range(6000):
                found = (await client.get("/api/downloads")).json()["items"]
                reasons = (await client.get("/ready")).json()["reasons"]
                if found and not any(reason.startswith("models") for reason in reasons):
                    break
                await asyncio.sleep(0.01)
            found = (await client.get("/api/downloads")).json()["items"]
            assert (found[0]["state"], found[0]["error"]["code"]) == ("queued", "rate_limited")
            assert found[0]["retry_in_seconds"] > 2000


async def test_a_language_model_of_the_manifest_brings_its_eyes(tmp_path: Path) -> None:
    names = {"fox": "Fox-Q4_K_M.gguf", "fox-eyes": "mmproj-Fox-F16.gguf"}
    made = write_model(tmp_path / "fox.gguf"), write_projector(tmp_path / "eyes.gguf")
    async with running_origin() as origin:
        for file, path in zip(names.values(), made, strict=True):
            origin.serve(file, path.read_bytes())
        overlay = tmp_path / "house/catalogs/llm.json"
        overlay.parent.mkdir(parents=True)
        entries = [
            {"id": name, "name": name, "folder": "llm", "file": file, "reference": origin.url(file)}
            for name, file in names.items()
        ]
        overlay.write_text(json.dumps({"catalog": 1, "entries": entries}))
        path = tmp_path / "models.yaml"
        path.write_text("before: [fox]")
        more = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}", "MODEL_MANIFEST": str(path)}
        async with asyncio.timeout(60), open_models(tmp_path, **more) as client:
            ended: set[str] = set()
            while len(ended) < len(names):
                await asyncio.sleep(0.01)
                items = (await client.get("/api/downloads")).json()["items"]
                ended = {each["name"] for each in items if each["state"] == "done"}
    assert {path.name for path in (tmp_path / "llm").glob("*.gguf")} == set(names.values())


async def test_an_entry_is_named_without_what_may_be_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    reference = "https://anna:hunter2@example.org/one.safetensors?sig=abc"
    path.write_text(json.dumps({"after": [{"reference": reference, "folder": "vae"}]}))
    async with open_models(tmp_path, MODEL_MANIFEST=str(path)) as client:
        [notice] = await settled(client, 1)
        assert "after[0] “https://example.org/one.safetensors”" in notice
        assert "hunter2" not in notice and "sig=" not in notice
