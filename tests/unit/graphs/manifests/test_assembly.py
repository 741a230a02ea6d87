"""Dynamic workflows: stages that take part or do not, wired by name, repeated, chained."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import InvalidWorkflow, UnresolvedName
from studio.graphs.graph import Graph
from studio.graphs.manifests.compiler import compile_graph
from studio.graphs.manifests.content import check_content
from studio.graphs.manifests.manifest import Manifest, read_manifest
from studio.graphs.manifests.values import used_values
from tests.unit.graphs.manifests.examples import asked, manifest, node

SCENE = [
    {"prompt": "one", "duration": 2, "seed": 1},
    {"prompt": "two", "duration": 3, "seed": 2},
    {"prompt": "three", "duration": 1, "seed": 3},
]


def block(
    nodes: dict[str, Any], imports: tuple[str, ...] = (), **exports: tuple[str, int]
) -> dict[str, Any]:
    return {
        "nodes": nodes,
        "imports": list(imports),
        "exports": {name: {"node": n, "output": o} for name, (n, o) in exports.items()},
    }


def stages(*pipeline: dict[str, Any], inputs: list[dict[str, Any]] | None = None) -> Manifest:
    bare = [{k: v for k, v in each.items() if k != "targets"} for each in inputs or []]
    return manifest(pipeline=list(pipeline), inputs=bare)


def build(asking: Manifest, blocks: dict[str, Any], **values: Any) -> Graph:
    source = {"blocks": {f"{name}.json": each for name, each in blocks.items()}}
    check_content(asking, source)
    return compile_graph(asking, source, used_values(asking, values, lambda least, _: least))


LOAD = block({"load": node("Load")}, model=("load", 0))
EMPTY = block({"empty": node("Empty")}, latent=("empty", 0))
ENCODE = block({"encode": node("Encode", image="{{picture}}")}, latent=("encode", 0))
SAMPLE = block(
    {"sample": node("Sample", model="{{model}}", latent="{{latent}}", text="a {{word}}, {{n}}x")},
    ("model", "latent"),
    image=("sample", 0),
)


def test_a_stage_takes_part_only_under_its_condition() -> None:
    asking = stages(
        {"block": "load"},
        {"block": "empty", "when": "!picture"},
        {"block": "encode", "when": "picture"},
        {"block": "sample"},
        inputs=[asked("picture", "image"), asked("word", "text"), asked("n", "int")],
    )
    blocks = {"load": LOAD, "empty": EMPTY, "encode": ENCODE, "sample": SAMPLE}
    without = build(asking, blocks, word="fox", n=2)
    assert without.keys() == {"load:load", "empty:empty", "sample:sample"}
    assert without["sample:sample"]["inputs"] == {
        "model": ["load:load", 0],
        "latent": ["empty:empty", 0],
        "text": "a fox, 2x",
    }
    with_one = build(asking, blocks, word="fox", n=2, picture={"asset": "id"})
    assert with_one["sample:sample"]["inputs"]["latent"] == ["encode:encode", 0]
    assert with_one["encode:encode"]["inputs"]["image"]["info"] == {"id": "id"}


def test_text_that_looks_like_a_name_stays_what_somebody_wrote() -> None:
    asking = stages({"block": "a"}, inputs=[asked("word", "text")])
    plain = {"a": block({"1": node("Text", text="{{word}}", other="\\{{word}} {{word}}")})}
    graph = build(asking, plain, word="{{secret}} \\{{x}}")
    assert graph["a:1"]["inputs"] == {
        "text": "{{secret}} \\{{x}}",
        "other": "{{word}} {{secret}} \\{{x}}",
    }


def test_a_switch_chooses_the_block() -> None:
    options = [{"value": "x"}, {"value": "y"}, {"value": "z"}]
    asking = stages(
        {"block": "a", "switch": "mode", "cases": {"x": "one.json"}, "default": "two.json"},
        inputs=[asked("mode", "select", options=options)],
    )
    blocks = {"one": block({"1": node("One")}), "two": block({"1": node("Two")})}
    assert build(asking, blocks, mode="x")["a:1"]["class_type"] == "One"
    assert build(asking, blocks, mode="z")["a:1"]["class_type"] == "Two"


def test_a_switch_without_the_case_says_what_there_is() -> None:
    asking = stages(
        {"block": "a", "switch": "mode", "cases": {"x": "one.json"}},
        inputs=[asked("mode", "select")],
    )
    with pytest.raises(UnresolvedName, match="“y” is none of: x"):
        build(asking, {"one": block({"1": node("One")})}, mode="y")


def test_a_stage_repeats_over_scenes_and_chains_each_to_the_one_before() -> None:
    scene = block(
        {
            "1": node(
                "Scene",
                start="{{start}}",
                text="{{item.prompt}}",
                length="{{item.duration * 16 + 1}}",
                seed="{{item.seed}}",
                name="scene {{number}} of {{count}}",
            )
        },
        ("start",),
        last=("1", 1),
    )
    save = block({"1": node("Save", frames="{{last}}")}, ("last",))
    asking = stages(
        {"block": "load"},
        {"block": "scene", "repeat": "scenes", "with": {"start": "load.model"},
         "chain": {"start": "last"}},
        {"block": "save"},
        inputs=[asked("scenes", "scenes")],
    )  # fmt: skip
    graph = build(asking, {"load": LOAD, "scene": scene, "save": save}, scenes=SCENE)
    inputs = [graph[f"scene:{number}:1"]["inputs"] for number in (1, 2, 3)]
    assert [each["start"] for each in inputs] == [
        ["load:load", 0],
        ["scene:1:1", 1],
        ["scene:2:1", 1],
    ]
    assert [each["text"] for each in inputs] == ["one", "two", "three"]
    assert [each["length"] for each in inputs] == [33, 49, 17]
    assert [each["seed"] for each in inputs] == [1, 2, 3]
    assert inputs[2]["name"] == "scene 3 of 3"
    assert graph["save:1"]["inputs"]["frames"] == ["scene:3:1", 1]


def test_of_two_stages_that_export_the_same_name_none_is_taken_silently() -> None:
    asking = stages({"block": "a"}, {"block": "b"}, {"block": "c"})
    source = block({"1": node("Load")}, model=("1", 0))
    user = block({"1": node("Use", model="{{model}}")}, ("model",))
    with pytest.raises(UnresolvedName, match="several stages export it: a, b"):
        build(asking, {"a": source, "b": source, "c": user})
    wired = stages(
        {"block": "a"}, {"block": "b"}, {"block": "c", "with": {"model": ["b.model", "a.model"]}}
    )
    graph = build(wired, {"a": source, "b": source, "c": user})
    assert graph["c:1"]["inputs"]["model"] == ["b:1", 0]


@pytest.mark.parametrize(
    ("pipeline", "blocks", "words"),
    [
        ([{"block": "a"}], {"a": block({"1": node("X", v="{{ghost}}")})}, "“ghost”"),
        ([{"block": "a"}], {"a": block({"1": node("X", v="{{item}}")})}, "only in a repetition"),
        ([{"block": "a", "when": "ghost"}], {"a": LOAD}, "“ghost”"),
        ([{"block": "a", "when": "p and"}], {"a": LOAD}, "missing at its end"),
        ([{"block": "a", "repeat": "ghost"}], {"a": LOAD}, "“ghost”"),
        ([{"block": "a"}], {"a": SAMPLE}, "“model”"),
        ([{"block": "a"}, {"block": "b", "with": {"model": "a.ghost"}}],
         {"a": LOAD, "b": SAMPLE}, "a.ghost"),
        ([{"block": "a", "repeat": 2, "chain": {"x": "model"}}], {"a": LOAD}, "cannot chain"),
    ],
)  # fmt: skip
def test_a_name_that_can_never_have_a_value_is_refused_when_it_is_saved(
    pipeline: list[dict[str, Any]], blocks: dict[str, Any], words: str
) -> None:
    asking = stages(*pipeline, inputs=[asked(name, "text") for name in ("word", "n", "picture")])
    with pytest.raises(UnresolvedName) as caught:
        check_content(asking, {"blocks": {f"{name}.json": each for name, each in blocks.items()}})
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "blocks"),
        ([], "blocks"),
        ({}, "blocks"),
        ({"blocks": {}}, "a.json: it is missing"),
        ({"blocks": {"a.json": []}}, "a.json"),
        ({"blocks": {"a.json": {"nodes": {}}}}, "no nodes"),
        ({"blocks": {"a.json": {**LOAD, "colour": 1}}}, "a.json"),
        ({"blocks": {"a.json": {**LOAD, "imports": "x"}}}, "imports"),
        ({"blocks": {"a.json": {**LOAD, "imports": ["a b"]}}}, "not a name"),
        ({"blocks": {"a.json": {**LOAD, "exports": {"x": ["load", 0]}}}}, "export x"),
        ({"blocks": {"a.json": block({"1": node("A")}, x=("2", 0))}}, "export x is of 2"),
        ({"blocks": {"a.json": block({"1": node("A", v=["2", 0])})}}, "linked to 2"),
        ({"blocks": {"a.json": block({"1": node("A", v="{{p")})}}, "never closed"),
        ({"blocks": {"a.json": block({"1": node("A", v="{{p +}}")})}}, "p +"),
        ({"blocks": {"a.json": block({"1": node("A", v=["2", 0]), "2": node("A", v=["1", 0])})}},
         "depend on themselves"),
    ],
)  # fmt: skip
def test_a_block_with_a_fault_is_refused(data: Any, words: str) -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        check_content(stages({"block": "a"}), data)
    assert words in caught.value.message


def test_an_input_without_a_value_is_an_error_where_it_is_used() -> None:
    asking = stages({"block": "a"}, inputs=[asked("word", "text")])
    with pytest.raises(UnresolvedName) as caught:
        build(asking, {"a": block({"7": node("X", v="{{word}}")})})
    assert "a.json, node 7: “word”: it has no value" in caught.value.message


def test_a_graph_that_would_be_too_large_is_refused() -> None:
    nodes = {str(number): node("X") for number in range(100)}
    with pytest.raises(InvalidWorkflow, match="more than 10000 nodes"):
        build(stages({"block": "a", "repeat": 1000}), {"a": block(nodes)})


def test_values_with_which_nothing_takes_part_are_refused() -> None:
    asking = stages({"block": "a", "when": "word"}, inputs=[asked("word", "text")])
    with pytest.raises(InvalidWorkflow, match="no stage takes part"):
        build(asking, {"a": LOAD})


def test_a_target_of_a_stage_that_takes_no_part_is_left_alone() -> None:
    asking = read_manifest(
        {
            "manifest": 1,
            "id": "a",
            "name": "A",
            "inputs": [
                {"id": "fine", "name": "Fine", "type": "boolean", "default": False},
                {
                    "id": "n",
                    "name": "N",
                    "type": "int",
                    "default": 3,
                    "targets": [{"node": "b:1", "class": "X", "input": "n"}],
                },
            ],
            "pipeline": [{"block": "a"}, {"block": "b", "when": "fine"}],
        }
    )
    blocks = {"a": block({"1": node("Y")}), "b": block({"1": node("X", n=0)})}
    assert build(asking, blocks).keys() == {"a:1"}
    assert build(asking, blocks, fine=True)["b:1"]["inputs"]["n"] == 3


def test_a_name_that_stands_everywhere_cannot_make_a_graph_larger_than_memory() -> None:
    asking = stages({"block": "save"}, inputs=[asked("word", "text")])
    text = block({"save": node("Save", text="{{word}} " * 100_000)})
    assert len(build(asking, {"save": text}, word="x")["save:save"]["inputs"]["text"]) == 200_000
    with pytest.raises(InvalidWorkflow, match="too long"):
        build(asking, {"save": text}, word="x" * 100_000)


def test_a_value_that_stands_in_many_inputs_cannot_either() -> None:
    asking = stages({"block": "save"}, inputs=[asked("word", "text")])
    many = block({"save": node("Save", **{f"text{n}": "{{word}}" for n in range(1_000)})})
    with pytest.raises(InvalidWorkflow, match="too large"):
        build(asking, {"save": many}, word="x" * 100_000)
