"""The words that wake a LoRA, and the other half of one of two: from its header or a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.model_house import open_models
from tests.api.test_models_api import models, scan
from tests.fakes.model_files import LORA, put, safetensors


async def test_a_file_that_a_catalog_knows_has_its_trigger_words_and_its_other_half(
    tmp_path: Path,
) -> None:
    put(tmp_path / "models/loras/wan/high.safetensors", safetensors(LORA))
    put(tmp_path / "models/loras/ink.safetensors", safetensors(LORA))
    own = {
        "id": "ink",
        "name": "Ink",
        "folder": "loras",
        "file": "ink.safetensors",
        "reference": "civitai:1",
        "trigger_words": ["inkwash"],
    }
    async with open_models(tmp_path) as client:

        async def known(**changes: Any) -> dict[str, Any]:
            taken = await client.put("/api/catalog/ink", json={**own, **changes})
            assert taken.status_code in (200, 201), taken.text
            return (await models(client))["loras/ink.safetensors"]

        await scan(client)
        assert (await known())["trigger_words"] == ["inkwash"]
        assert (await known())["pair"] is None
        assert (await known(size_bytes=5))["trigger_words"] == []
        halves = [
            {
                **own,
                "id": role,
                "file": f"wan/{role}.safetensors",
                "pair": {"role": role, "with": other},
            }
            for role, other in (("high", "low"), ("low", "high"))
        ]
        taken = await client.post("/api/catalog/import", json={"catalog": 1, "entries": halves})
        assert taken.json() == {"imported": 2}
        high = (await models(client))["loras/wan/high.safetensors"]
        assert high["pair"] == {"role": "high", "with": "wan/low.safetensors"}
