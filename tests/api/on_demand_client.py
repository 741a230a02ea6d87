"""What the tests do with jobs that wait for their models."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx

from tests.api.graphs import TERMINAL, Graph, text_to_image
from tests.api.studio_process import RunningStudio
from tests.fakes.origin import Origin

WITHIN_S = 60
_seeds = itertools.count(70_000)


def with_lora(*names: str) -> Graph:
    """A picture through a chain of LoRAs."""
    graph = text_to_image(seed=next(_seeds), steps=1)
    model: list[object] = ["1", 0]
    for number, name in enumerate(names):
        node = f"lora{number}"
        inputs = {"model": model, "lora_name": name, "strength_model": 1.0}
        graph[node] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
        model = [node, 0]
    graph["5"]["inputs"]["model"] = model
    return graph


async def submit(client: httpx.AsyncClient, graph: Graph, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/jobs", json={"workflow": graph, **more})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def look(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/jobs/{job['id']}")).json()
    return found


async def ended(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await look(client, job)
            if found["status"] in TERMINAL:
                return found
            await asyncio.sleep(0.05)


async def fetching(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it says what is fetched, and how far that is."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await look(client, job)
            if "Fetching" in ((found["progress"] or {}).get("message") or ""):
                return found
            assert found["status"] == "queued", found
            await asyncio.sleep(0.05)


async def downloads(client: httpx.AsyncClient, origin: Origin) -> list[dict[str, Any]]:
    listed = (await client.get("/api/downloads?ended=500")).json()["items"]
    return [one for one in listed if origin.asked_for(one)]


def cached(studio: RunningStudio) -> set[str]:
    return {path.name for path in (studio.folder / "cache" / "loras").glob("*.safetensors")}
