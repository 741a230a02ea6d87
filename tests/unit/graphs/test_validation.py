"""validate() agrees with the verdicts that real ComfyUI gave, and says more."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from studio.errors import InvalidWorkflow
from studio.graphs.declarations import ClassInfo, declared_inputs
from studio.graphs.graph import Graph, parse
from studio.graphs.validation import validate
from tests.unit.graphs.cases import CASES
from tests.unit.graphs.recorded import (
    ACCEPTED,
    INFO,
    Case,
    changed,
    extended,
    node,
    picture,
    text_to_image,
)


def details_of(graph: Graph, info: dict[str, Any] = INFO) -> dict[str, Any]:
    with pytest.raises(InvalidWorkflow) as caught:
        validate(graph, info)
    assert caught.value.details is not None
    return caught.value.details


def problems_of(graph: Graph, info: dict[str, Any] = INFO) -> dict[str, list[dict[str, Any]]]:
    problems: dict[str, list[dict[str, Any]]] = details_of(graph, info)["node_errors"]
    return problems


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_the_engines(case: Case) -> None:
    graph = parse(case.fresh_graph())
    if case.engine == ACCEPTED:
        validate(graph, INFO)
        return
    reasons = {
        node_id: {problem["reason"] for problem in problems}
        for node_id, problems in problems_of(graph).items()
    }
    assert reasons == case.reasons


def test_a_graph_is_not_changed_by_validation() -> None:
    graph = changed("3", steps="20", cfg={"__value__": 7})
    before = copy.deepcopy(graph)
    validate(graph, INFO)
    assert graph == before


def test_a_graph_without_outputs_is_told_apart() -> None:
    assert details_of(picture()) == {"node_errors": {}, "error_types": ["prompt_no_outputs"]}


def test_an_unknown_output_class_is_not_also_called_a_graph_without_outputs() -> None:
    details = details_of(picture(n2=node("SaveImge", images=["1", 0])))
    assert details["error_types"] == ["missing_node_type"]
    [problem] = details["node_errors"]["2"]
    assert problem["field"] == "class_type"
    assert problem["closest"][0] == "SaveImage"


def test_problems_in_front_of_an_unknown_class_are_found_too() -> None:
    graph = extended(
        n10=node("NoSuchNode", image=["11", 0]),
        n11=node("EmptyImage", width=-1, height=64, batch_size=1, color=0),
        n12=node("PreviewImage", images=["10", 0]),
    )
    assert set(problems_of(graph)) == {"10", "11"}


def test_two_problems_are_both_said() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        validate(changed("3", steps=0, cfg="x"), INFO)
    assert "steps" in caught.value.message
    assert "cfg" in caught.value.message
    assert "more problem" not in caught.value.message


def test_every_problem_is_listed_and_counted() -> None:
    graph = changed("3", steps=0, cfg="x", seed=...)
    graph["5"]["inputs"]["width"] = 1
    with pytest.raises(InvalidWorkflow, match=r"And 3 more problems\.$") as caught:
        validate(graph, INFO)
    assert caught.value.details is not None
    assert caught.value.details["error_types"] == [
        "required_input_missing",
        "value_smaller_than_min",
        "invalid_input_type",
    ]


def test_a_missing_model_comes_with_what_is_installed_and_what_is_closest() -> None:
    [problem] = problems_of(changed("4", ckpt_name="sd15/Dreamshaper_8.SafeTensors"))["4"]
    assert problem["reason"] == "missing_model"
    assert problem["field"] == "ckpt_name"
    assert problem["value"] == "sd15/Dreamshaper_8.SafeTensors"
    assert problem["closest"] == ["dreamshaper_8.safetensors"]
    assert set(problem["installed"]) == {
        "a.safetensors",
        "dreamshaper_8.safetensors",
        "sd_xl_base_1.0.safetensors",
    }
    assert "dreamshaper_8.safetensors" in problem["message"]


def test_no_more_than_twenty_installed_models_are_listed() -> None:
    names = [f"model{i:03}.safetensors" for i in range(500)]
    info = copy.deepcopy(INFO)
    info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"] = [names]
    [problem] = problems_of(changed("4", ckpt_name="other.ckpt"), info)["4"]
    assert problem["installed"] == names[:20]
    assert "and 480 more" in problem["message"]


def test_a_value_that_is_no_model_is_only_not_in_the_list() -> None:
    [problem] = problems_of(changed("3", scheduler="karas"))["3"]
    assert problem["reason"] == "value_not_in_list"
    assert problem["closest"] == ["karras"]


def test_files_and_assets_are_left_to_staging() -> None:
    asset = {"__type": "core/ASSET", "info": {"id": "a1"}}
    other = asset | {"__type": "core/OTHER"}

    def mask_of(image: object, channel: str = "alpha") -> Graph:
        return {
            "1": node("LoadImageMask", image=image, channel=channel),
            "2": node("PreviewAny", source=["1", 0]),
        }

    for image in ("not on this engine.png", asset, {"__value__": asset}):
        graph = {
            "1": node("LoadImage", image=image),
            "2": node("PreviewImage", images=["1", 0]),
        }
        validate(graph, INFO)
        validate(mask_of(image), INFO)
        [problem] = problems_of(mask_of(image, "not on this engine.png"))["1"]
        assert (problem["field"], problem["reason"]) == ("channel", "value_not_in_list")
    for no_file in (other, {"__value__": other}):
        [problem] = problems_of(mask_of(no_file))["1"]
        assert (problem["field"], problem["reason"]) == ("image", "invalid_input_type")
    validate(changed("4", ckpt_name=asset), INFO)
    [problem] = problems_of(changed("4", ckpt_name=other))["4"]
    assert (problem["field"], problem["value"]) == ("ckpt_name", str(other))


def test_custom_nodes_may_accept_more_than_they_list_but_not_a_missing_model() -> None:
    info = INFO | {
        "Mine": {
            "input": {
                "required": {
                    "mode": [["a", "b"]],
                    "lora_name": [["x.safetensors"]],
                }
            },
            "output": [],
            "output_node": True,
            "python_module": "custom_nodes.mine",
        }
    }
    validate({"1": node("Mine", mode="c", lora_name="x.safetensors")}, info)
    [problem] = problems_of({"1": node("Mine", mode="c", lora_name="y.safetensors")}, info)["1"]
    assert problem["reason"] == "missing_model"


def test_each_choice_of_several_is_checked() -> None:
    info = INFO | {
        "Many": {
            "input": {
                "required": {"tags": ["COMBO", {"options": ["a", "b"], "multiselect": True}]}
            },
            "output": [],
            "output_node": True,
        }
    }
    validate({"1": node("Many", tags={"__value__": ["a", "b"]})}, info)
    assert (
        len(problems_of({"1": node("Many", tags={"__value__": ["c", "a", "d"]})}, info)["1"]) == 2
    )


@pytest.mark.parametrize("declared", [None, "x", [], {"required": []}, {"required": {"a": 1}}])
def test_malformed_declarations_of_custom_nodes_are_passed_over(declared: object) -> None:
    info = INFO | {"Odd": {"input": declared, "output": None, "output_node": True}}
    graph = {"1": node("Odd", a=1)}
    validate(graph, info)
    assert set(problems_of(graph | {"2": node("PreviewImage")}, info)) == {"2"}
    info["Odd"] = info["Odd"] | {"input": {"required": {"a": ["INT", {"min": 2}]}}}
    [problem] = problems_of(graph, info)["1"]
    assert problem["reason"] == "value_smaller_than_min"


def test_a_chain_of_ten_thousand_nodes_needs_no_recursion() -> None:
    graph = picture(preview=node("PreviewImage", images=["9998", 0]))
    for i in range(2, 9999):
        graph[str(i)] = node("ImageInvert", image=[str(i - 1), 0])
    validate(parse(graph), INFO)
    graph["1"]["inputs"]["width"] = 0
    assert set(problems_of(graph)) == {"1"}


def test_a_ring_of_ten_thousand_nodes_is_one_cycle() -> None:
    size = 9999
    graph = {str(i): node("ImageInvert", image=[str((i + 1) % size), 0]) for i in range(size)}
    graph["out"] = node("PreviewImage", images=["0", 0])
    details = details_of(parse(graph))
    assert details["error_types"] == ["dependency_cycle"]
    assert len(details["node_errors"]) == size
    assert len(details["node_errors"]["0"][0]["message"]) < 1000


def test_a_diamond_is_no_cycle() -> None:
    graph = picture(
        a=node("ImageInvert", image=["1", 0]),
        b=node("ImageBatch", image1=["a", 0], image2=["1", 0]),
        c=node("ImageBatch", image1=["b", 0], image2=["a", 0]),
        d=node("PreviewImage", images=["c", 0]),
    )
    validate(graph, INFO)
    graph["a"]["inputs"]["image"] = ["c", 0]
    assert details_of(graph)["error_types"] == ["dependency_cycle"]


def test_thousands_of_wrong_names_are_answered_with_suggestions_for_the_first_few() -> None:
    graph = text_to_image() | {f"x{i}": node(f"KSampler{i}") for i in range(3000)}
    problems = problems_of(graph)
    assert len(problems) == 3000
    assert problems["x0"][0]["closest"]
    assert problems["x2999"][0]["closest"] == []


def test_thousands_of_missing_models_make_no_flood_of_lists() -> None:
    graph = text_to_image()
    for i in range(3000):
        graph[f"x{i}"] = node("PreviewAny", source=[f"y{i}", 0])
        graph[f"y{i}"] = node("CheckpointLoaderSimple", ckpt_name=f"{'x' * 150}{i}.ckpt")
    problems = problems_of(graph)
    assert len(problems) == 3000
    assert sum(bool(problem["installed"]) for [problem] in problems.values()) == 50
    assert all("is not installed" in problem["message"] for [problem] in problems.values())


def test_long_values_do_not_flood_the_answer() -> None:
    [problem] = problems_of(changed("3", sampler_name="x" * 100_000))["3"]
    assert len(problem["message"]) < 3000


def test_what_is_read_of_a_class_once_is_what_would_be_read_each_time() -> None:
    for name, plain in INFO.items():
        known = ClassInfo(plain)
        for inputs in _some_inputs(plain):
            for _ in range(2):
                assert declared_inputs(known, inputs) == declared_inputs(plain, inputs), name


def _some_inputs(class_info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """None at all, everything that is declared, and every way a dynamic list can be answered."""
    sections = [class_info["input"].get(name, {}) for name in ("required", "optional")]
    yield {}
    yield dict.fromkeys(name for section in sections for name in section)
    for section in sections:
        for name, spec in section.items():
            options = spec[1].get("options") if len(spec) > 1 else None
            for choice in options if isinstance(options, list) else []:
                if isinstance(choice, dict):
                    yield {name: choice.get("key")}
