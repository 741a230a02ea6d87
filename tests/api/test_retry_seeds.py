"""A retry with new seeds on an engine whose node declares what a seed may be."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import CLASSES, saved
from tests.faults.harness import settings_for, studio_inside

RETRIES = 24
DICE = {
    "input": {
        "required": {
            "text": ["STRING", {"default": ""}],
            "noise_seed": ["INT", {"default": 1, "min": 1, "max": 6}],
        }
    },
    "output": ["IMAGE"],
    "output_node": False,
    "display_name": "",
}


async def test_new_seeds_stay_within_the_bounds_that_the_engine_declares(tmp_path: Path) -> None:
    engine = FakeComfy(classes=CLASSES | {"Dice": DICE})
    await engine.start()
    graph = saved("fox")
    graph["1"] = {"class_type": "Dice", "inputs": {"text": "fox", "noise_seed": 3}}
    try:
        async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
            await api.wait_ready()
            first = await api.wait(await api.submit(graph))
            drawn = set()
            for _ in range(RETRIES):
                answer = await api.client.post(
                    f"/api/jobs/{first['id']}/retry", json={"new_seed": True}
                )
                assert answer.status_code == 201, answer.text
                job = await api.wait(answer.json()["id"])
                assert job["status"] == "succeeded"
                shown = await api.client.get(f"/api/v2/jobs/{job['id']}/workflow")
                drawn.add(shown.json()["workflow"]["1"]["inputs"]["noise_seed"])
            assert drawn <= {1, 2, 3, 4, 5, 6}
            assert len(drawn) > 1
    finally:
        await engine.stop()
        # What was aborted needs a turn of the loop to be gone.
        await asyncio.sleep(0)
