"""Presets over the shipped text-to-image workflow, as the tests save and run them."""

from __future__ import annotations

from typing import Any

import httpx

WORKFLOW = "text-to-image"
SMALL = {"size": {"width": 64, "height": 64}, "steps": 2, "checkpoint": "embedded-demo.safetensors"}


def preset(**fields: Any) -> dict[str, Any]:
    """The body of a small preset with a question."""
    values = {"prompt": "a [[animal=Which animal?:fox|owl]]", **SMALL, **fields.pop("values", {})}
    return {"name": "Animals", "workflow_id": WORKFLOW, "values": values, **fields}


async def save(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Save ``preset(**fields)`` and return what it became."""
    return good(await client.post("/api/presets", json=preset(**fields)), 201)


def good(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return dict(answer.json())
