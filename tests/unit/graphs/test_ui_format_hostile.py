"""Whatever a saved workflow says, converting it ends soon and says which node is to blame."""

from __future__ import annotations

import copy
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.graphs.ui import source
from studio.graphs.ui_format import Conversion, convert
from tests.data.object_info import recorded

FOLDER = Path(__file__).parents[2] / "data" / "conversion"
SMALL = sorted(FOLDER.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:5]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.floats()
    | st.sampled_from(["", "1", "-10", "-20", "KSampler", "Reroute", "sub", "promoted:1", "*"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "name", "link", "links", "widget"]), inner)
    ),
    max_leaves=6,
)


def text_to_image() -> dict[str, Any]:
    return {
        "version": 0.4,
        "nodes": [
            {
                "id": 1,
                "type": "EmptyImage",
                "mode": 0,
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
                "widgets_values": [64, 32, 1, 255],
            },
            {
                "id": 2,
                "type": "SaveImage",
                "mode": 0,
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
                "widgets_values": ["picture"],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }


def codes(found: Conversion) -> list[tuple[str | None, str]]:
    return [(problem.node_id, problem.code) for problem in found.problems]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with every key in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in range(len(holder)) if isinstance(holder, list) else list(holder):
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])
    return found


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name.removesuffix(".json.gz"))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_workflow_with_anything_anywhere_is_converted_or_refused(
    path: Path, data: st.DataObject
) -> None:
    workflow = json.loads(gzip.decompress(path.read_bytes()))["workflow"]
    for _ in range(data.draw(st.integers(1, 6))):
        holder, key = data.draw(st.sampled_from(places(workflow)))
        holder[key] = copy.deepcopy(data.draw(values))
    assert isinstance(convert(workflow, recorded()), Conversion)


@settings(max_examples=100, deadline=None)
@given(workflow=st.dictionaries(st.sampled_from(["nodes", "links", "definitions"]), values))
def test_a_file_of_anything_at_all_gives_a_conversion(workflow: dict[str, Any]) -> None:
    assert isinstance(convert(workflow, recorded()), Conversion)


def test_a_plain_workflow_is_converted_without_a_problem() -> None:
    found = convert(text_to_image(), recorded())
    assert found.problems == []
    assert found.graph["2"]["inputs"] == {"filename_prefix": "picture", "images": ["1", 0]}


def test_links_as_objects_mean_the_same_as_links_as_lists() -> None:
    workflow = text_to_image() | {"version": 1}
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    workflow["links"] = [dict(zip(keys, link, strict=True)) for link in workflow["links"]]
    assert convert(workflow, recorded()) == convert(text_to_image(), recorded())


def test_a_class_that_the_engine_lacks_is_named_with_its_node() -> None:
    workflow = text_to_image()
    workflow["nodes"][0]["type"] = "NodeOfNobody"
    found = convert(workflow, recorded())
    assert codes(found) == [("1", "unknown_class")]
    assert "NodeOfNobody" in found.problems[0].message
    assert found.graph["1"]["class_type"] == "NodeOfNobody"


def test_a_missing_class_does_not_matter_while_its_node_is_muted() -> None:
    workflow = text_to_image()
    workflow["nodes"][0] |= {"type": "NodeOfNobody", "mode": 2}
    found = convert(workflow, recorded())
    assert found.problems == []
    assert found.graph["2"]["inputs"] == {"filename_prefix": "picture"}


def test_a_link_to_nowhere_is_reported_and_left_out() -> None:
    workflow = text_to_image()
    workflow["links"] = []
    found = convert(workflow, recorded())
    assert codes(found) == [("2", "broken_link")]
    assert "images" not in found.graph["2"]["inputs"]


def test_a_circle_of_reroutes_is_reported_and_left_out() -> None:
    workflow = text_to_image()
    reroute = {"type": "Reroute", "mode": 0}
    for node_id, link in ((3, 2), (4, 3)):
        slots = {"inputs": [{"name": "", "type": "*", "link": link}], "outputs": [{"links": []}]}
        workflow["nodes"].append({"id": node_id, **reroute, **slots})
    workflow["links"] = [
        [1, 3, 0, 2, 0, "IMAGE"],
        [2, 4, 0, 3, 0, "*"],
        [3, 3, 0, 4, 0, "*"],
    ]
    assert codes(convert(workflow, recorded())) == [("2", "link_cycle")]


def test_a_group_node_is_reported_with_what_to_do() -> None:
    workflow = text_to_image()
    workflow["nodes"][0]["type"] = "workflow/my group"
    assert codes(convert(workflow, recorded())) == [("1", "group_node")]


def test_two_nodes_with_one_id_are_reported() -> None:
    workflow = text_to_image()
    workflow["nodes"].append(dict(workflow["nodes"][0]))
    assert codes(convert(workflow, recorded())) == [("1", "duplicate_node")]


def subgraph(own_id: str, *inside: str) -> dict[str, Any]:
    nodes = [{"id": n + 1, "type": kind, "mode": 0} for n, kind in enumerate(inside)]
    return {"id": own_id, "name": own_id, "nodes": nodes, "links": [], "inputs": [], "outputs": []}


def test_a_subgraph_that_contains_itself_is_reported() -> None:
    workflow = text_to_image() | {
        "definitions": {"subgraphs": [subgraph("a", "b"), subgraph("b", "a")]}
    }
    workflow["nodes"].append({"id": 9, "type": "a", "mode": 0})
    assert "subgraph_cycle" in [code for _, code in codes(convert(workflow, recorded()))]


def test_subgraphs_that_multiply_are_refused() -> None:
    levels = [subgraph(f"s{n}", *[f"s{n + 1}"] * 10) for n in range(12)]
    workflow = text_to_image() | {"definitions": {"subgraphs": [*levels, subgraph("s12")]}}
    workflow["nodes"].append({"id": 9, "type": "s0", "mode": 0})
    found = convert(workflow, recorded())
    assert found.graph == {}
    assert codes(found)[-1] == (None, "too_many_nodes")


def test_subgraphs_that_are_nested_very_deeply_are_reported() -> None:
    levels = [subgraph(f"s{n}", f"s{n + 1}") for n in range(300)]
    workflow = text_to_image() | {"definitions": {"subgraphs": [*levels, subgraph("s300")]}}
    workflow["nodes"].append({"id": 9, "type": "s0", "mode": 0})
    assert [code for _, code in codes(convert(workflow, recorded()))] == ["too_deep"]


def test_a_workflow_of_very_many_nodes_is_refused() -> None:
    nodes = [{"id": n, "type": "Note"} for n in range(20_000)]
    assert codes(convert({"nodes": nodes}, recorded())) == [(None, "too_many_nodes")]


def test_a_workflow_of_very_many_links_is_refused() -> None:
    workflow = text_to_image()
    workflow["links"] = [[n, 1, 0, 2, 0, "IMAGE"] for n in range(source.MAX_STEPS + 1)]
    assert codes(convert(workflow, recorded())) == [(None, "too_complex")]


def test_a_chain_of_very_many_bypassed_nodes_is_followed_to_its_end() -> None:
    workflow = text_to_image()
    count = 3000
    for n in range(count):
        workflow["nodes"].append(
            {
                "id": 10 + n,
                "type": "ImageInvert",
                "mode": 4,
                "inputs": [{"name": "image", "type": "IMAGE", "link": 10 + n}],
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [11 + n]}],
            }
        )
    chain = [[10 + n, 9 + n if n else 1, 0, 10 + n, 0, "IMAGE"] for n in range(count)]
    workflow["links"] = [[1, 9 + count, 0, 2, 0, "IMAGE"], *chain]
    assert convert(workflow, recorded()).graph["2"]["inputs"]["images"] == ["1", 0]


def passing(kind: str, node_id: int, link: int | None, *values: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": kind,
        "mode": 0,
        "inputs": [{"name": "", "type": "*", "link": link}],
        "outputs": [{"name": "", "type": "*", "links": []}],
        "widgets_values": list(values),
    }


@pytest.mark.parametrize(
    ("setter", "getter"), [("SetNode", "GetNode"), ("easy setNode", "easy getNode")]
)
def test_a_get_node_gives_what_the_set_node_of_its_name_got(setter: str, getter: str) -> None:
    workflow = text_to_image()
    workflow["nodes"] += [passing(setter, 3, 2, "a"), passing(setter, 5, None, "b")]
    workflow["nodes"].append(passing(getter, 4, None, "a"))
    workflow["links"] = [[1, 4, 0, 2, 0, "IMAGE"], [2, 1, 0, 3, 0, "IMAGE"]]
    found = convert(workflow, recorded())
    assert found.problems == []
    assert found.graph["2"]["inputs"]["images"] == ["1", 0]
    assert set(found.graph) == {"1", "2"}


def test_a_get_node_without_its_set_node_is_reported() -> None:
    workflow = text_to_image()
    workflow["nodes"].append(passing("GetNode", 4, None, "a"))
    workflow["links"] = [[1, 4, 0, 2, 0, "IMAGE"]]
    assert codes(convert(workflow, recorded())) == [("4", "no_setter")]


def test_nodes_that_only_the_editor_knows_are_left_out() -> None:
    workflow = text_to_image()
    workflow["nodes"] += [passing("Reroute (rgthree)", 3, 2), passing("Label (rgthree)", 4, None)]
    workflow["nodes"] += [passing("Note", 5, None, "text"), passing("MarkdownNote", 6, None)]
    workflow["links"] = [[1, 3, 0, 2, 0, "IMAGE"], [2, 1, 0, 3, 0, "IMAGE"]]
    found = convert(workflow, recorded())
    assert found.problems == []
    assert set(found.graph) == {"1", "2"}
    assert found.graph["2"]["inputs"]["images"] == ["1", 0]


def test_an_input_that_a_subgraph_hands_straight_to_its_output_passes() -> None:
    inner = subgraph("pass") | {
        "links": [
            {"id": 5, "origin_id": -10, "origin_slot": 0, "target_id": -20, "target_slot": 0}
        ],
        "inputs": [{"name": "image", "type": "IMAGE", "linkIds": [5]}],
        "outputs": [{"name": "image", "type": "IMAGE", "linkIds": [5]}],
    }
    workflow = text_to_image() | {"definitions": {"subgraphs": [inner]}}
    workflow["nodes"].append(passing("pass", 3, 2))
    workflow["nodes"][-1]["inputs"][0]["name"] = "image"
    workflow["links"] = [[1, 3, 0, 2, 0, "IMAGE"], [2, 1, 0, 3, 0, "IMAGE"]]
    assert convert(workflow, recorded()).graph["2"]["inputs"]["images"] == ["1", 0]


def test_values_that_are_saved_by_name_are_found_by_name() -> None:
    workflow = text_to_image()
    workflow["nodes"][0]["widgets_values"] = {"color": 7, "width": 8, "unknown": 9}
    inputs = convert(workflow, recorded()).graph["1"]["inputs"]
    assert inputs == {"width": 8, "height": 512, "batch_size": 1, "color": 7}


def test_a_node_of_a_file_name_is_replaced_by_its_value() -> None:
    workflow = text_to_image()
    workflow["nodes"][1]["widgets_values"] = ["%Empty.width%x%Nobody.width%"]
    workflow["nodes"][0]["title"] = "Empty"
    inputs = convert(workflow, recorded()).graph["2"]["inputs"]
    assert inputs["filename_prefix"] == "64x%Nobody.width%"


def test_comments_leave_a_prompt_and_choices_stay() -> None:
    node = {"id": 3, "type": "CLIPTextEncode", "mode": 0}
    texts = {"a /* b */ c // d": "a  c ", r"\{x\}": "{x}", "{a|b} c // d": "{a|b} c "}
    for saved, sent in texts.items():
        workflow = text_to_image()
        workflow["nodes"].append(node | {"widgets_values": [saved]})
        assert convert(workflow, recorded()).graph["3"]["inputs"] == {"text": sent}


def test_numbers_that_are_none_do_no_harm() -> None:
    workflow = text_to_image()
    workflow["nodes"][0]["widgets_values"] = [math.nan, math.inf, -math.inf, 10**400]
    assert convert(workflow, recorded()).problems == []


def test_a_view_of_a_model_keeps_no_value() -> None:
    workflow = text_to_image()
    workflow["nodes"].append({"id": 3, "type": "SaveGLB", "widgets_values": ["mesh", None]})
    inputs = convert(workflow, recorded()).graph["3"]["inputs"]
    assert inputs == {"filename_prefix": "mesh", "image": ""}
