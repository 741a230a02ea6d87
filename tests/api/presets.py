"""Presets over the shipped text-to-image workflow, as the tests save and run them."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from tests.api.house import House

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


def grid(**fields: Any) -> dict[str, Any]:
    """A batch of two prompts at three step counts."""
    return {
        "workflow_id": WORKFLOW,
        "values": {**SMALL, "seed": 7, **fields.pop("values", {})},
        "axes": [
            {"input": "prompt", "values": ["a fox", "an owl"]},
            {"input": "steps", "values": [1, 2, 3], "labels": ["one", "two", "three"]},
        ],
        **fields,
    }


def seeds(count: int) -> dict[str, Any]:
    """A batch of ``count`` jobs."""
    return grid(axes=[{"input": "seed", "values": list(range(count))}], values={"prompt": "x"})


async def recipes(house: House) -> list[dict[str, Any]]:
    """Every recipe that is stored, by cell."""

    def work(connection: Any) -> list[dict[str, Any]]:
        rows = connection.execute("SELECT * FROM job_recipes ORDER BY batch_id, cell").fetchall()
        return [
            {**dict(row), "values": orjson.loads(row["values"]),
             "answers": orjson.loads(row["answers"])}
            for row in rows
        ]  # fmt: skip

    return await house.db.read(work)


async def depth(client: httpx.AsyncClient) -> int:
    return int(good(await client.get("/api/queue"))["depth"])
