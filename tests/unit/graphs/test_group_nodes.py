"""Group nodes of old editors run as what they were made of; two more are among recorded ones."""

from __future__ import annotations

import copy
from typing import Any

from studio.graphs.ui_format import Conversion, convert
from tests.data.object_info import recorded


def slot(name: str, kind: str, link: int | None = None, widget: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": kind, "link": link}
    return found | ({"widget": {"name": widget}} if widget else {})


def output(kind: str, *links: int) -> dict[str, Any]:
    return {"name": kind, "type": kind, "links": list(links)}


SAMPLING: dict[str, Any] = {
    "nodes": [
        {
            "type": "CLIPTextEncode",
            "inputs": [slot("clip", "CLIP")],
            "outputs": [output("CONDITIONING")],
            "widgets_values": ["good"],
        },
        {
            "type": "CLIPTextEncode",
            "inputs": [slot("clip", "CLIP")],
            "outputs": [output("CONDITIONING")],
            "widgets_values": ["bad"],
        },
        {"type": "EmptyLatentImage", "outputs": [output("LATENT")], "widgets_values": [8, 8, 1]},
        {
            "type": "KSampler",
            "inputs": [
                slot("model", "MODEL"),
                slot("positive", "CONDITIONING"),
                slot("negative", "CONDITIONING"),
                slot("latent_image", "LATENT"),
            ],
            "outputs": [output("LATENT")],
            "widgets_values": [5, "fixed", 20, 8, "euler", "normal", 1],
        },
    ],
    "links": [
        [0, 0, 3, 1, 1, "CONDITIONING"],
        [1, 0, 3, 2, 2, "CONDITIONING"],
        [2, 0, 3, 3, 3, "LATENT"],
    ],
}


def sampled() -> dict[str, Any]:
    """A file whose one group node holds prompts, latent and sampler."""
    values = ["a fox", "blurry", 640, 480, 2, 77, "randomize", 12, 6.5, "dpmpp_2m", "karras", 0.9]
    return {
        "last_node_id": 4,
        "version": 0.4,
        "nodes": [
            {
                "id": 1,
                "type": "CheckpointLoaderSimple",
                "outputs": [output("MODEL", 1), output("CLIP", 2, 3), output("VAE", 4)],
                "widgets_values": ["dreamshaper_8.safetensors"],
            },
            {
                "id": 2,
                "type": "workflow>sampling",
                "inputs": [
                    slot("clip", "CLIP", 2),
                    slot("CLIPTextEncode clip", "CLIP", 3),
                    slot("model", "MODEL", 1),
                ],
                "outputs": [output("LATENT", 5)],
                "widgets_values": values,
            },
            {
                "id": 3,
                "type": "VAEDecode",
                "inputs": [slot("samples", "LATENT", 5), slot("vae", "VAE", 4)],
                "outputs": [output("IMAGE", 6)],
            },
            {
                "id": 4,
                "type": "SaveImage",
                "inputs": [slot("images", "IMAGE", 6)],
                "widgets_values": ["grouped"],
            },
        ],
        "links": [
            [1, 1, 0, 2, 2, "MODEL"],
            [2, 1, 1, 2, 0, "CLIP"],
            [3, 1, 1, 2, 1, "CLIP"],
            [4, 1, 2, 3, 1, "VAE"],
            [5, 2, 0, 3, 0, "LATENT"],
            [6, 3, 0, 4, 0, "IMAGE"],
        ],
        "extra": {"groupNodes": {"sampling": copy.deepcopy(SAMPLING)}},
    }


def codes(found: Conversion) -> list[tuple[str | None, str]]:
    return [(problem.node_id, problem.code) for problem in found.problems]


def inputs(found: Conversion, kind: str) -> list[dict[str, Any]]:
    nodes = found.graph.values()
    return [node["inputs"] for node in nodes if node["class_type"] == kind]


def test_values_and_links_of_a_group_node_reach_the_nodes_that_it_stands_for() -> None:
    found = convert(sampled(), recorded())
    assert found.problems == []
    assert inputs(found, "KSampler") == [
        {
            "seed": 77,
            "steps": 12,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 0.9,
            "model": ["1", 0],
            "positive": ["9:5", 0],
            "negative": ["9:6", 0],
            "latent_image": ["9:7", 0],
        }
    ]
    assert inputs(found, "CLIPTextEncode") == [
        {"text": "a fox", "clip": ["1", 1]},
        {"text": "blurry", "clip": ["1", 1]},
    ]
    assert inputs(found, "VAEDecode") == [{"samples": ["9:8", 0], "vae": ["1", 2]}]


def test_a_renamed_and_a_hidden_input_keep_their_place_among_the_values() -> None:
    workflow = sampled()
    config: dict[str, Any] = {
        "0": {"input": {"text": {"name": "wish"}, "clip": {"name": "reader"}}}
    }
    config["2"] = {"input": {"batch_size": {"visible": False}}}
    workflow["extra"]["groupNodes"]["sampling"]["config"] = config
    workflow["nodes"][1]["inputs"] = [
        slot("reader", "CLIP", 2),
        slot("clip", "CLIP", 3),
        slot("model", "MODEL", 1),
    ]
    found = convert(workflow, recorded())
    assert found == convert(sampled(), recorded())


def test_a_widget_of_the_group_node_can_be_led_from_outside() -> None:
    workflow = sampled()
    workflow["nodes"].append(
        {"id": 9, "type": "PrimitiveInt", "outputs": [output("INT", 7)], "widgets_values": [33]}
    )
    workflow["nodes"][1]["inputs"].append(slot("steps", "INT", 7, "steps"))
    workflow["links"].append([7, 9, 0, 2, 3, "INT"])
    [sampler] = inputs(convert(workflow, recorded()), "KSampler")
    assert sampler["steps"] == ["9", 0] and sampler["cfg"] == 6.5


def test_a_primitive_inside_gives_the_value_that_the_group_node_shows_for_it() -> None:
    workflow = sampled()
    kind = workflow["extra"]["groupNodes"]["sampling"]
    kind["nodes"][2]["inputs"] = [
        slot("width", "INT", None, "width"),
        slot("height", "INT", None, "height"),
    ]
    kind["nodes"].append(
        {
            "type": "PrimitiveNode",
            "title": "Edge",
            "outputs": [output("INT")],
            "widgets_values": [48, "fixed"],
        }
    )
    kind["links"] += [[4, 0, 2, 0, 4, "INT"], [4, 0, 2, 1, 4, "INT"]]
    values = workflow["nodes"][1]["widgets_values"]
    # Both edges come from the primitive now, which shows its value, and what becomes of it, last.
    workflow["nodes"][1]["widgets_values"] = [*values[:2], *values[4:], 320, "fixed"]
    [latent] = inputs(convert(workflow, recorded()), "EmptyLatentImage")
    assert latent == {"width": 320, "height": 320, "batch_size": 2}


def test_a_bypassed_node_inside_and_a_bypassed_group_node_hand_on_what_they_get() -> None:
    workflow = {
        "version": 0.4,
        "nodes": [
            {"id": 1, "type": "EmptyImage", "outputs": [output("IMAGE", 1)]},
            {
                "id": 2,
                "type": "workflow/twice",
                "inputs": [slot("image", "IMAGE", 1)],
                "outputs": [output("IMAGE", 2)],
            },
            {"id": 3, "type": "SaveImage", "inputs": [slot("images", "IMAGE", 2)]},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]],
        "extra": {
            "groupNodes": {
                "twice": {
                    "nodes": [
                        {"type": "ImageInvert", "inputs": [slot("image", "IMAGE")]},
                        {"type": "ImageInvert", "inputs": [slot("image", "IMAGE")], "mode": 4},
                    ],
                    "links": [[0, 0, 1, 0, 0, "IMAGE"]],
                }
            }
        },
    }
    inner = convert(workflow, recorded())
    assert inputs(inner, "ImageInvert") == [{"image": ["1", 0]}]
    assert inputs(inner, "SaveImage")[0]["images"] == ["6:4", 0]
    nodes: Any = workflow["nodes"]
    nodes[1]["mode"] = 4
    whole = convert(workflow, recorded())
    assert inputs(whole, "ImageInvert") == []
    assert inputs(whole, "SaveImage")[0]["images"] == ["1", 0]


def test_a_group_node_made_of_another_is_taken_apart_too() -> None:
    workflow = sampled()
    node = copy.deepcopy(workflow["nodes"][1])
    for each in node["inputs"]:
        each["link"] = None
    workflow["extra"]["groupNodes"]["around"] = {"nodes": [node], "links": []}
    workflow["nodes"][1]["type"] = "workflow>around"
    found = convert(workflow, recorded())
    plain = convert(sampled(), recorded())
    assert found.problems == []
    assert len(found.graph) == len(plain.graph)
    [theirs], [ours] = inputs(plain, "KSampler"), inputs(found, "KSampler")
    assert {key: value for key, value in ours.items() if not isinstance(value, list)} == {
        key: value for key, value in theirs.items() if not isinstance(value, list)
    }


def test_a_group_node_with_a_class_that_the_engine_lacks_is_reported() -> None:
    workflow = sampled()
    workflow["extra"]["groupNodes"]["sampling"]["nodes"][2]["type"] = "NotInstalled"
    assert ("2", "group_node") in codes(convert(workflow, recorded()))


def test_group_nodes_that_hold_themselves_or_grow_without_end_are_refused() -> None:
    workflow = sampled()
    kinds = workflow["extra"]["groupNodes"]
    kinds["sampling"]["nodes"].append({"type": "workflow>sampling"})
    assert ("2", "group_node") in codes(convert(workflow, recorded()))
    kinds.clear()
    kinds["k0"] = {"nodes": [{"type": "ImageInvert"}] * 30, "links": []}
    kinds["k1"] = {"nodes": [{"type": "workflow>k0"}] * 30, "links": []}
    kinds["k2"] = {"nodes": [{"type": "workflow>k1"}] * 30, "links": []}
    workflow["nodes"][1]["type"] = "workflow>k2"
    assert ("2", "group_node") in codes(convert(workflow, recorded()))
    kinds["k0"] = {"nodes": [{"type": "Note"}] * 30, "links": []}
    for level in range(1, 8):
        kinds[f"k{level}"] = {"nodes": [{"type": f"workflow>k{level - 1}"}] * 30, "links": []}
    workflow["nodes"][1]["type"] = "workflow>k7"
    found = convert(workflow, recorded())
    assert found.graph == {}
    assert codes(found)[-1][1] in ("too_many_nodes", "too_complex")
