"""What the tests of workflows send, and how."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.graphs.manifests.examples import asked, diffusion

PROMPT = asked(
    "prompt",
    "text",
    targets=[{"node": "6", "class": "CLIPTextEncode", "title": "Positive", "input": "text"}],
)
MANIFEST: dict[str, Any] = {"manifest": 1, "name": "Mine", "inputs": [PROMPT]}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"manifest": MANIFEST, "graph": diffusion(), **fields}
    answer = await client.post("/api/workflows", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def save(
    client: httpx.AsyncClient, workflow: dict[str, Any], **fields: Any
) -> httpx.Response:
    body = {
        "manifest": workflow["manifest"],
        "graph": workflow["graph"],
        "base_version": workflow["head"],
        **fields,
    }
    return await client.put(f"/api/workflows/{workflow['id']}", json=body)


async def names(client: httpx.AsyncClient, query: str = "") -> set[str]:
    answer = await client.get(f"/api/workflows{query}")
    assert answer.status_code == 200, answer.text
    return {item["name"] for item in answer.json()["items"]}
