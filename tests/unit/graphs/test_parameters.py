"""What lies behind one output of a graph."""

from __future__ import annotations

from typing import Any

from studio.graphs.parameters import Lora, model_kinds, parameters
from tests.api.graphs import text_to_image


def two_pictures() -> dict[str, Any]:
    """Two ways from prompt to file that share nothing."""
    first, second = text_to_image(seed=11, steps=4), text_to_image(seed=22, steps=30)
    for node_id, node in second.items():
        inputs = {
            name: [f"b{value[0]}", value[1]] if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        first[f"b{node_id}"] = {"class_type": node["class_type"], "inputs": inputs}
    return first


def test_each_output_has_the_seed_and_settings_of_its_own_branch() -> None:
    graph = two_pictures()
    assert parameters(graph, "7").seed == 11
    assert parameters(graph, "b7").seed == 22
    assert parameters(graph, "b7").settings["steps"] == 30
    assert parameters(graph, "7").settings["sampler_name"] == "euler"
    assert parameters(graph, "nowhere").seed == 11


def test_a_seed_from_a_primitive_node_is_followed() -> None:
    graph = text_to_image()
    graph["9"] = {"class_type": "PrimitiveInt", "inputs": {"value": 2**64 - 1}}
    graph["5"]["inputs"]["seed"] = ["9", 0]
    graph["5"]["inputs"]["steps"] = ["nowhere", 0]
    found = parameters(graph, "7")
    assert found.seed == 2**64 - 1
    assert "steps" not in found.settings


def test_loras_are_found_in_loaders_and_in_stacks() -> None:
    graph = text_to_image()
    graph["8"] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": ["1", 0], "lora_name": "a.safetensors", "strength_model": 0.5},
    }
    graph["9"] = {
        "class_type": "Power Lora Loader (rgthree)",
        "inputs": {
            "model": ["8", 0],
            "lora_1": {"on": True, "lora": "b.safetensors", "strength": 1},
            "lora_2": {"on": False, "lora": "c.safetensors", "strength": 1},
        },
    }
    graph["5"]["inputs"]["model"] = ["9", 0]
    assert set(parameters(graph, "7").loras) == {
        Lora("a.safetensors", 0.5, None),
        Lora("b.safetensors", 1.0, None),
    }


def test_a_cycle_and_senseless_values_end() -> None:
    graph: dict[str, Any] = {
        "1": {"class_type": "A", "inputs": {"seed": ["2", 0], "steps": [["1"]], "cfg": None}},
        "2": {"class_type": "B", "inputs": {"value": ["1", 0], "seed": True, "width": {"a": 1}}},
    }
    found = parameters(graph, "1")
    assert (found.seed, found.settings, found.loras) == (None, {}, ())


def test_a_lora_is_no_model() -> None:
    models = [
        ("CheckpointLoaderSimple", "ckpt_name", "a.safetensors"),
        ("LoraLoader", "lora_name", "b.safetensors"),
        ("SomeStack", "lora_name_1", "c.safetensors"),
    ]
    assert dict(model_kinds(models)) == {
        "a.safetensors": "model",
        "b.safetensors": "lora",
        "c.safetensors": "lora",
    }
