"""A damaged model is replaced by a whole one when its owner wants that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.model_house import open_models
from tests.api.test_model_needs import (
    VAE_BYTES,
    api_graph,
    downloaded,
    entry,
    lacks,
    until_present,
)
from tests.api.test_models_api import scan
from tests.fakes.model_files import put
from tests.fakes.origin import running_origin


@pytest.mark.parametrize("by", ["what the workflow lacks", "the catalog"])
async def test_a_damaged_model_is_replaced_by_a_whole_one(tmp_path: Path, by: str) -> None:
    path = put(tmp_path / "models/vae/one.safetensors", VAE_BYTES[:-2])
    async with running_origin() as origin:
        allow = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}"}
        async with open_models(tmp_path, **allow) as client:
            listed = entry(origin, "one.safetensors", "vae", VAE_BYTES)
            await client.put("/api/catalog/one", json=listed)
            await scan(client)
            graph = api_graph(vae_name="one.safetensors")
            [need] = (await lacks(client, graph=graph)).values()
            assert need["state"] == "damaged"
            if by == "the catalog":
                made = (await client.post("/api/catalog/one/install")).json()["downloads"]
            else:
                made = [(await client.post("/api/downloads", json=need["install"])).json()["id"]]
            assert [each["state"] for each in await downloaded(client, made)] == ["done"]
            await until_present(client, graph)
            assert path.read_bytes() == VAE_BYTES
