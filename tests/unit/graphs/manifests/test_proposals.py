"""The wizard, readiness and differences, over what real ComfyUI declares."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from studio.graphs.manifests.content import check_content
from studio.graphs.manifests.differences import differences
from studio.graphs.manifests.manifest import read_manifest
from studio.graphs.manifests.readiness import readiness
from studio.graphs.manifests.wizard import propose, slug
from tests.unit.graphs.manifests.examples import asked, diffusion, manifest, node
from tests.unit.graphs.manifests.recorded import comfyui

SOURCE = {"url": "https://example.com/a.safetensors", "directory": "checkpoints"}


def inputs_of(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    proposal = propose(graph, comfyui(), name="My graph!", sources={"a.safetensors": SOURCE})
    checked = read_manifest(proposal)
    check_content(checked, graph)
    return {each["id"]: each for each in checked.source["inputs"]}


def test_the_wizard_asks_for_what_a_person_would_change() -> None:
    found = inputs_of(diffusion())
    assert {name: each["type"] for name, each in found.items()} == {
        "prompt": "text",
        "negative": "text",
        "checkpoint": "checkpoint",
        "loras": "loras",
        "size": "resolution",
        "seed": "seed",
        "batch_size": "int",
        "steps": "int",
        "cfg": "float",
        "sampler_name": "select",
        "scheduler": "select",
        "denoise": "float",
    }
    assert (found["prompt"]["name"], found["prompt"]["default"]) == ("Prompt", "a fox")
    assert (found["negative"]["name"], found["negative"]["default"]) == ("Negative prompt", "rain")
    assert found["prompt"]["targets"] == [
        {"node": "6", "class": "CLIPTextEncode", "title": "Positive", "input": "text"}
    ]
    assert found["size"]["default"] == {"width": 512, "height": 768}
    assert (found["steps"]["min"], found["steps"]["max"]) == (1, 10000)
    assert [target["input"] for target in found["size"]["targets"]] == ["width", "height"]


@pytest.mark.parametrize("side", [1e300, 2.0**64, 0, -8, 16_385])
def test_a_side_that_no_picture_has_is_not_asked_for(side: float) -> None:
    graph = diffusion()
    graph["5"]["inputs"]["width"] = side
    assert "size" not in inputs_of(graph)


def test_the_wizard_names_outputs_and_where_models_come_from() -> None:
    proposal = propose(diffusion(), comfyui(), name="x", sources={"a.safetensors": SOURCE})
    [output] = proposal["outputs"]
    assert (output["type"], output["target"]["node"]) == ("image", "9")
    assert proposal["models"] == [
        {
            "class": "CheckpointLoaderSimple",
            "input": "ckpt_name",
            "file": "a.safetensors",
            "directory": "checkpoints",
            "url": SOURCE["url"],
        }
    ]


def test_the_wizard_tells_an_image_from_a_mask() -> None:
    graph = {
        "1": node("LoadImage", "Photo", image="p.png"),
        "2": node("LoadImageMask", "Where", image="m.png", channel="red"),
        "3": node("SaveImage", images=["1", 0], filename_prefix="x"),
    }
    found = inputs_of(graph)
    assert [(each["name"], each["type"]) for each in found.values()] == [
        ("Photo", "image"),
        ("Where", "mask"),
    ]


def test_the_wizard_makes_nothing_of_classes_that_no_engine_has() -> None:
    assert inputs_of({"1": node("Unheard", text="x", seed=1)}) == {}


def test_any_name_becomes_an_id() -> None:
    assert [slug(name) for name in ("My graph!", "  ", "../..", "日本", "A" * 200)] == [
        "my-graph", "workflow", "workflow", "workflow", "a" * 64,
    ]  # fmt: skip


MODEL = {"class": "UpscaleModelLoader", "input": "model_name", "file": "x4.pth"}
NEEDS = {"classes": ["UpscaleModelLoader", "SaveImag"], "models": []}


def engine(*files: str, extra: tuple[str, ...] = ()) -> dict[str, Any]:
    loader = {"input": {"required": {"model_name": [list(files), {}]}}}
    return {"UpscaleModelLoader": loader, "SaveImage": {}, **{name: {} for name in extra}}


def test_readiness_says_what_is_missing_and_what_would_fix_it() -> None:
    asking = manifest(models=[{**MODEL, "url": "https://example.com/x4.pth", "size": 5}])
    found = readiness(asking, NEEDS, [engine()])
    assert found.state == "missing"
    [model], [missing] = found.missing_models, found.missing_nodes
    assert model["fix"] == {
        "action": "download",
        "file": "x4.pth",
        "url": "https://example.com/x4.pth",
        "size": 5,
    }
    assert (missing["class"], missing["closest"]) == ("SaveImag", ["SaveImage"])
    assert missing["fix"]["action"] == "install_nodes"


def test_readiness_is_that_of_the_engine_that_lacks_the_least() -> None:
    asking = manifest(models=[MODEL])
    assert readiness(asking, NEEDS, []).state == "unknown"
    ready = engine("x4.pth", extra=("SaveImag",))
    assert readiness(asking, NEEDS, [engine(), ready]).state == "ready"


def test_a_model_that_is_chosen_in_the_form_may_be_any_that_is_there() -> None:
    target = {"node": "1", "class": "UpscaleModelLoader", "input": "model_name"}
    asking = manifest(models=[MODEL], inputs=[asked("model", "select", targets=[target])])
    needs: dict[str, list[str]] = {"classes": [], "models": []}
    assert readiness(asking, needs, [engine("other.pth")]).state == "ready"
    assert readiness(asking, needs, [engine()]).state == "missing"


def test_differences_list_inputs_nodes_and_values() -> None:
    old = manifest(name="Old", inputs=[asked("a", "text"), asked("b", "int")]).source
    new = manifest(name="New", inputs=[asked("b", "int", max=5), asked("c", "text")]).source
    before, after = diffusion(), copy.deepcopy(diffusion())
    after["3"]["inputs"]["steps"] = 30
    after["6"]["inputs"]["text"] = "x" * 1000
    after["10"] = node("PreviewImage", images=["8", 0])
    del after["5"]
    found = differences((old, before), (new, after))
    assert found["facts"] == [{"fact": "name", "from": "Old", "to": "New"}]
    assert [each["id"] for each in found["inputs"]["added"]] == ["c"]
    assert [each["id"] for each in found["inputs"]["removed"]] == ["a"]
    assert found["inputs"]["changed"] == [
        {"id": "b", "changes": [{"key": "max", "from": None, "to": 5}]}
    ]
    assert [each["id"] for each in found["nodes"]["added"]] == ["10"]
    assert [each["id"] for each in found["nodes"]["removed"]] == ["5"]
    [steps, text] = found["values"]
    assert (steps["id"], steps["input"], steps["from"], steps["to"]) == ("3", "steps", 20, 30)
    assert len(text["to"]) == 500
    assert found["truncated"] is False


def test_a_list_of_differences_is_bounded() -> None:
    graph = {str(number): node("X") for number in range(600)}
    source = manifest().source
    found = differences((source, {}), (source, graph))
    assert (len(found["nodes"]["added"]), found["truncated"]) == (500, True)
