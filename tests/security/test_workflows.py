"""Graphs made to hurt: each is refused or accepted in bounded time, and Studio goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.graphs import code_of, solid
from tests.api.house import House


def chain(length: int) -> dict[str, Any]:
    """Nodes that each read the one before."""
    graph: dict[str, Any] = {"0": {"class_type": "A", "inputs": {}}}
    for number in range(1, length):
        graph[str(number)] = {"class_type": "A", "inputs": {"x": [str(number - 1), 0]}}
    return graph


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: dict[str, Any] = {
    "a circle": {
        "1": {"class_type": "A", "inputs": {"x": ["2", 0]}},
        "2": {"class_type": "A", "inputs": {"x": ["1", 0]}},
    },
    "itself": {"1": {"class_type": "A", "inputs": {"x": ["1", 0]}}},
    "a long chain": chain(20_000),
    "deep values": {"1": {"class_type": "A", "inputs": {"x": nested(900)}}},
    "a link to nowhere": {"1": {"class_type": "A", "inputs": {"x": ["9", 0]}}},
    "a link to nothing": {"1": {"class_type": "A", "inputs": {"x": ["1", -1]}}},
    "long names": {"n" * 100_000: {"class_type": "C" * 100_000, "inputs": {"i" * 100_000: 1}}},
    "odd names": {"\x00": {"class_type": "\u202e", "inputs": {"__proto__": 1, "": 2}}},
    "huge numbers": {"1": {"class_type": "A", "inputs": {"seed": 2**64 - 1, "x": 1e308}}},
    "wide": {"1": {"class_type": "A", "inputs": {str(n): n for n in range(50_000)}}},
    "a fan": {
        str(n): {"class_type": "A", "inputs": {str(m): [str(m), 0] for m in range(n)}}
        for n in range(300)
    },
    "references": {
        "1": {
            "class_type": "A",
            "inputs": {
                str(n): {"__type": "core/ASSET", "info": {"id": str(n)}} for n in range(2000)
            },
        }
    },
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_graph_changes_nothing_for_the_next_one(house: House, name: str) -> None:
    async with house.client() as owner:
        answer = await owner.post("/api/v2/jobs", json={"workflow": HOSTILE[name]})
        assert answer.status_code in (201, 422)
        if answer.status_code == 422:
            assert code_of(answer) in ("invalid_workflow", "missing_asset")
            assert len(answer.content) < 1_000_000
        else:
            job = answer.json()
            read = await owner.get(f"/api/v2/jobs/{job['id']}/workflow")
            assert read.json()["workflow"] == HOSTILE[name]
            assert (await owner.get("/api/queue")).status_code == 200
        good = await owner.post("/api/v2/jobs", json={"workflow": solid()})
        assert good.status_code == 201


async def test_the_editors_own_format_is_named(house: House) -> None:
    saved = {"last_node_id": 2, "nodes": [{"id": 1, "type": "SaveImage"}], "links": []}
    async with house.client() as owner:
        answer = await owner.post("/api/v2/jobs", json={"workflow": saved})
        assert (answer.status_code, code_of(answer)) == (422, "workflow_format_ui")
