"""``POST /api/graphs/models``: which inputs of a graph name a model that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import CHECKPOINT, Graph, code_of, invert, text_to_image
from tests.api.house import open_house
from tests.api.studio_process import ROOT

PATH = "/api/graphs/models"


def example() -> Graph:
    found: Graph = json.loads((ROOT / "examples/graph.json").read_text(encoding="utf-8"))
    return found


def missing(client: httpx.Client, graph: Graph) -> list[dict[str, Any]]:
    answer = client.post(PATH, json={"workflow": graph})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["inputs"]
    return found


def test_an_empty_checkpoint_of_the_example_is_named_with_what_there_is(
    owner: httpx.Client,
) -> None:
    assert missing(owner, example()) == [
        {
            "node_id": "4",
            "title": "Checkpoint",
            "class_type": "CheckpointLoaderSimple",
            "name": "ckpt_name",
            "value": "",
            "installed": [CHECKPOINT],
        }
    ]


@pytest.mark.parametrize("value", ["sd_xl_base_1.0.safetensors", "", None])
def test_one_that_is_not_installed_or_left_out_is_named_too(
    owner: httpx.Client, value: str | None
) -> None:
    graph = example()
    if value is None:
        del graph["4"]["inputs"]["ckpt_name"]
    else:
        graph["4"]["inputs"]["ckpt_name"] = value
    [found] = missing(owner, graph)
    assert (found["name"], found["value"]) == ("ckpt_name", value or "")


def test_a_graph_that_has_its_models_misses_none(owner: httpx.Client) -> None:
    assert missing(owner, text_to_image()) == []


def test_pictures_and_other_choices_are_no_models(owner: httpx.Client) -> None:
    graph = {**invert("not mine.png")}
    assert missing(owner, graph) == []
    graph = text_to_image()
    [sampler] = [node for node in graph.values() if node["class_type"] == "KSampler"]
    sampler["inputs"]["sampler_name"] = "no such sampler"
    assert missing(owner, graph) == []


@pytest.mark.parametrize("workflow", [None, [], {}, {"nodes": [], "links": []}, {"1": 5}], ids=str)
def test_what_is_no_graph_is_refused(owner: httpx.Client, workflow: object) -> None:
    answer = owner.post(PATH, json={"workflow": workflow})
    assert answer.status_code == 422
    assert code_of(answer) in ("invalid_workflow", "workflow_format_ui")


async def test_before_an_engine_was_reached_nothing_is_claimed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        answer = await owner.post(PATH, json={"workflow": example()})
        assert (answer.status_code, code_of(answer)) == (503, "unavailable")
