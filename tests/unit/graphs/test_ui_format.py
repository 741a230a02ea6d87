"""Saved workflows convert to what ComfyUI's own editor makes of them.

Recorded from real ComfyUI: see ``tests/data/conversion/NOTICE`` and docs/conversion.md.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.conversion.comparison import NEEDS_EDITOR, OTHER, TITLE, compare
from studio.graphs import graph as graphs
from studio.graphs.ui_format import convert
from tests.data.object_info import recorded

FOLDER = Path(__file__).parents[2] / "data" / "conversion"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))

WRONG_IN_THE_EDITOR = {("templates_graphic_design_recomposer", "143:157", "model.aspect_ratio")}
"""Where the editor sends something that cannot be meant; docs/conversion.md tells of each."""


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return content


def test_the_sample_is_large_enough_to_be_one() -> None:
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_workflow_becomes_the_prompt_that_the_editor_sends(name: str) -> None:
    content = load(name)
    outcome = compare(name, content["workflow"], content["prompt"], recorded())
    unexplained = {
        (name, each.node_id, each.field) for each in outcome.differences if each.kind == OTHER
    }
    assert unexplained == {each for each in WRONG_IN_THE_EDITOR if each[0] == name}
    assert "unknown_class" not in outcome.codes


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_nodes_and_inputs_is_the_editors(name: str) -> None:
    content = load(name)
    graph = convert(content["workflow"], recorded()).graph
    theirs = {node_id: list(node["inputs"]) for node_id, node in content["prompt"].items()}
    assert list(graph) == list(theirs)
    assert {node_id: list(node["inputs"]) for node_id, node in graph.items()} == theirs


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_workflow_has_the_shape_of_a_graph(name: str) -> None:
    graph = convert(load(name)["workflow"], recorded()).graph
    assert graphs.parse(graph) is graph


def test_most_of_the_sample_is_equal_in_every_title_too() -> None:
    kinds = {
        name: {each.kind for each in compare(name, **_parts(name)).differences} for name in NAMES
    }
    same = [name for name, found in kinds.items() if not found]
    assert len(same) >= 0.85 * len(NAMES)
    assert set().union(*kinds.values()) <= {TITLE, NEEDS_EDITOR, OTHER}


def _parts(name: str) -> dict[str, Any]:
    content = load(name)
    return {
        "workflow": content["workflow"],
        "theirs": content["prompt"],
        "object_info": recorded(),
    }
