"""LoRAs are chained between a model and everything that takes it."""

from __future__ import annotations

from typing import Any

from studio.graphs.graph import Graph
from studio.graphs.manifests.compiler import compile_graph
from studio.graphs.manifests.values import used_values
from tests.unit.graphs.manifests.examples import asked, diffusion, manifest, node

PAIR = {"high": {"file": "h", "strength": 0.9}, "low": {"file": "l", "strength": 0.7}}


def load(graph: Graph, targets: list[dict[str, Any]], loras: list[dict[str, Any]]) -> Graph:
    asking = manifest(inputs=[asked("loras", "loras", targets=targets)])
    return compile_graph(asking, graph, used_values(asking, {"loras": loras}, lambda a, _: a))


def test_loras_lie_between_the_checkpoint_and_all_that_takes_its_model_and_clip() -> None:
    loras = [{"file": "a", "strength": 0.5}, {"file": "b", "strength": 1, "strength_clip": 0.2}]
    target = {"node": "4", "class": "CheckpointLoaderSimple"}
    graph = load(diffusion(), [target], loras)
    assert graph["loras:1"] == {
        "class_type": "LoraLoader",
        "inputs": {
            "model": ["4", 0],
            "clip": ["4", 1],
            "lora_name": "a",
            "strength_model": 0.5,
            "strength_clip": 0.5,
        },
        "_meta": {"title": "LoRA 1"},
    }
    second = graph["loras:2"]["inputs"]
    assert (second["model"], second["clip"]) == (["loras:1", 0], ["loras:1", 1])
    assert (second["strength_model"], second["strength_clip"]) == (1.0, 0.2)
    assert graph["3"]["inputs"]["model"] == ["loras:2", 0]
    assert graph["6"]["inputs"]["clip"] == graph["7"]["inputs"]["clip"] == ["loras:2", 1]
    assert graph["8"]["inputs"]["vae"] == ["4", 2]


def test_a_pair_loads_one_half_into_each_pass() -> None:
    graph = {
        "1": node("UNETLoader", "High", unet_name="h"),
        "2": node("UNETLoader", "Low", unet_name="l"),
        "3": node("KSamplerAdvanced", "First", model=["1", 0]),
        "4": node("KSamplerAdvanced", "Second", model=["2", 0]),
    }
    targets = [
        {"node": "1", "class": "UNETLoader", "title": "High", "pass": "high"},
        {"node": "2", "class": "UNETLoader", "title": "Low", "pass": "low"},
    ]
    made = load(graph, targets, [PAIR, {"file": "both", "strength": 0.3, "low": 0}])
    first, second = made["loras:high1"]["inputs"], made["loras:low1"]["inputs"]
    assert (first["lora_name"], first["strength_model"], first["model"]) == ("h", 0.9, ["1", 0])
    assert (second["lora_name"], second["strength_model"], second["model"]) == ("l", 0.7, ["2", 0])
    assert made["loras:high2"]["inputs"]["lora_name"] == "both"
    assert "loras:low2" not in made
    assert made["3"]["inputs"]["model"] == ["loras:high2", 0]
    assert made["4"]["inputs"]["model"] == ["loras:low1", 0]


def test_a_loader_never_takes_the_id_of_a_node_that_is_there() -> None:
    graph = {**diffusion(), "loras:1": node("Note")}
    target = {"node": "4", "class": "CheckpointLoaderSimple"}
    made = load(graph, [target], [{"file": "a", "strength": 1}])
    assert made["loras:1"]["class_type"] == "Note"
    assert made["loras:1_"]["class_type"] == "LoraLoader"


def test_an_empty_list_changes_nothing() -> None:
    assert load(diffusion(), [{"node": "4"}], []) == diffusion()
