"""Targets survive an export that renumbers the nodes; one that is gone is named."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import TargetMissing
from studio.graphs.manifests.compiler import check_targets, compile_graph
from studio.graphs.manifests.manifest import Manifest
from tests.unit.graphs.manifests.examples import asked, diffusion, manifest, node

PROMPT = {"node": "6", "class": "CLIPTextEncode", "title": "Positive", "input": "text"}


def prompted(**target: Any) -> Manifest:
    return manifest(inputs=[asked("prompt", "text", targets=[{**PROMPT, **target}])])


def renumbered() -> dict[str, Any]:
    """The same graph as another export numbers it: 6 and 7 have changed places."""
    graph = diffusion()
    graph["6"], graph["7"] = graph["7"], graph["6"]
    graph["3"]["inputs"] |= {"positive": ["7", 0], "negative": ["6", 0]}
    return graph


def filled(graph: dict[str, Any], asking: Manifest) -> list[str]:
    compiled = compile_graph(asking, graph, {"prompt": "an owl"})
    return [key for key, each in compiled.items() if each["inputs"].get("text") == "an owl"]


def test_a_target_is_found_by_its_id_class_and_title() -> None:
    assert filled(diffusion(), prompted()) == ["6"]


def test_a_graph_whose_nodes_were_renumbered_is_filled_in_the_same_place() -> None:
    assert filled(renumbered(), prompted()) == ["7"]


def test_a_node_that_was_given_another_title_is_still_found_by_its_id() -> None:
    graph = diffusion()
    graph["6"]["_meta"]["title"] = "What to paint"
    assert filled(graph, prompted()) == ["6"]


def test_the_only_node_of_its_class_is_meant_whatever_it_is_called() -> None:
    graph = diffusion()
    graph["60"] = graph.pop("6")
    graph["60"]["_meta"]["title"] = "What to paint"
    graph["7"]["class_type"] = "ConditioningZeroOut"
    assert filled(graph, prompted()) == ["60"]


def test_the_stored_graph_is_never_changed() -> None:
    graph = diffusion()
    filled(graph, prompted())
    assert graph == diffusion()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda graph: graph.pop("6") and graph.pop("7"), "is not there"),
        (lambda graph: graph["6"]["inputs"].pop("text"), "has no input"),
        (lambda graph: graph["6"]["inputs"].update(text=["4", 0]), "from another node"),
        (lambda graph: graph.update({"66": graph.pop("6"), "67": graph["7"]}) or
         graph["66"]["_meta"].update(title="x"), "could be each of these: 7, 66, 67"),
    ],
)  # fmt: skip
def test_a_target_that_is_gone_is_an_error_that_names_it(change: Any, words: str) -> None:
    graph = diffusion()
    change(graph)
    with pytest.raises(TargetMissing) as caught:
        check_targets(prompted(), graph)
    assert "“prompt”, node 6 (CLIPTextEncode, “Positive”)" in caught.value.message
    assert words in caught.value.message
    assert caught.value.details is not None
    assert caught.value.details["target"]["node"] == "6"


def test_every_image_of_a_workflow_goes_to_its_own_node() -> None:
    graph = {"1": node("LoadImage", image=""), "2": node("LoadImageMask", image="", channel="red")}
    asking = manifest(
        inputs=[
            asked("image", "image", targets=[{"node": "1", "input": "image"}]),
            asked("mask", "mask", targets=[{"node": "2", "input": "image"}]),
        ]
    )
    compiled = compile_graph(asking, graph, {"image": {"asset": "a"}, "mask": {"asset": "b"}})
    assert compiled["1"]["inputs"]["image"]["info"] == {"id": "a"}
    assert compiled["2"]["inputs"]["image"]["info"] == {"id": "b"}
