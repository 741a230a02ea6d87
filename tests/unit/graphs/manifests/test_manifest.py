"""Manifests: what the schema and the rules beside it refuse, each with where it is."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from studio.errors import InvalidManifest
from studio.graphs.manifests.document import read_document
from studio.graphs.manifests.manifest import SCHEMA, InputType, read_manifest
from tests.unit.graphs.manifests.examples import asked

GOOD: dict[str, Any] = {"manifest": 1, "id": "example", "name": "Example"}


def refused(data: object) -> list[dict[str, Any]]:
    with pytest.raises(InvalidManifest) as caught:
        read_manifest(data)
    assert caught.value.details is not None
    return list(caught.value.details["problems"])


def test_the_schema_is_one_and_knows_every_type_of_input() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    types = SCHEMA["$defs"]["input"]["properties"]["type"]["enum"]
    assert types == [kind.value for kind in InputType]


def test_a_text_with_a_fault_says_in_which_line_it_is() -> None:
    text = "manifest: 1\nid: a\nname: A\ninputs:\n  - id: x\n    name: X\n    type: txet\n"
    with pytest.raises(InvalidManifest) as caught:
        read_manifest(read_document(text))
    assert caught.value.message.startswith("Line 7: inputs[0].type: “txet” is none of: text, int")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"manifest": 2}, "manifest"),
        ({"id": "../../etc"}, "id"),
        ({"id": "a/b"}, "id"),
        ({"name": 5}, "name"),
        ({"name": "   "}, "name"),
        ({"secret": 1}, "secret"),
        ({"tags": "a"}, "tags"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [asked("a b", "text")]}, "inputs[0].id"),
        ({"inputs": [asked("a", "text", colour="red")]}, "inputs[0].colour"),
        ({"inputs": [asked("a", "int", min="1")]}, "inputs[0].min"),
        ({"inputs": [asked("a", "int", min=3, max=2)]}, "inputs[0].min"),
        ({"inputs": [asked("a", "text", options=[{"value": 1}])]}, "inputs[0].options"),
        ({"inputs": [asked("a", "text", multiple=True)]}, "inputs[0].multiple"),
        ({"inputs": [asked("a", "text"), asked("a", "int")]}, "inputs[1].id"),
        ({"inputs": [asked("item", "text")]}, "inputs[0].id"),
        ({"inputs": [{"id": "a", "name": "A", "type": "text"}]}, "inputs[0]"),
        ({"inputs": [asked("a", "scenes")]}, "inputs[0]"),
        ({"inputs": [asked("a", "text", targets=[{"node": "1"}])]}, "inputs[0].targets[0]"),
        (
            {"inputs": [asked("a", "resolution", targets=[{"node": "1", "input": "x"}])]},
            "inputs[0].targets[0]",
        ),
        (
            {"inputs": [asked("a", "loras", targets=[{"node": "1", "input": "x"}])]},
            "inputs[0].targets[0].input",
        ),
        ({"inputs": [asked("a", "int", default="yes")]}, "inputs[0].default"),
        ({"inputs": [asked("a", "int", default=True)]}, "inputs[0].default"),
        ({"inputs": [asked("a", "boolean", default=1)]}, "inputs[0].default"),
        ({"inputs": [asked("a", "text", default=["x"])]}, "inputs[0].default"),
        ({"inputs": [asked("a", "seed", default=1.5)]}, "inputs[0].default"),
        (
            {"inputs": [asked("a", "select", options=[{"value": "x"}], default="y")]},
            "inputs[0].default",
        ),
        ({"models": [{"class": "A", "input": "b", "file": "../x"}]}, "models[0].file"),
        ({"models": [{"class": "A", "input": "b", "file": "/x"}]}, "models[0].file"),
        (
            {"models": [{"class": "A", "input": "b", "file": "x", "url": "file:///etc/passwd"}]},
            "models[0].url",
        ),
        ({"pipeline": []}, "pipeline"),
        ({"pipeline": [{"block": "a", "file": "../a.json"}]}, "pipeline[0].file"),
        ({"pipeline": [{"block": "a"}, {"block": "a"}]}, "pipeline[1].block"),
        ({"pipeline": [{"block": "a", "with": {"x": "b.y"}}]}, "pipeline[0].with.x"),
        ({"pipeline": [{"block": "a", "with": {"x": "a.y"}}]}, "pipeline[0].with.x"),
        ({"pipeline": [{"block": "a", "chain": {"x": "y"}}]}, "pipeline[0]"),
        ({"pipeline": [{"block": "a", "switch": "b", "cases": {"c": "d.json"}}]},
         "pipeline[0].switch"),
        ({"pipeline": [{"block": "a", "repeat": 2}],
          "inputs": [asked("x", "int", targets=[{"node": "a:1", "input": "n"}])]},
         "inputs[0].targets[0].node"),
        ({"pipeline": [{"block": "a", "repeat": 1001}]}, "pipeline[0].repeat"),
    ],
)  # fmt: skip
def test_a_manifest_with_a_fault_says_where_it_is(change: dict[str, Any], path: str) -> None:
    assert path in [problem["path"] for problem in refused({**GOOD, **change})]


@pytest.mark.parametrize("data", [None, [], "text", 1, {}, {"manifest": 1}])
def test_what_is_no_manifest_at_all_is_refused(data: object) -> None:
    assert refused(data)


def test_of_many_faults_twenty_are_listed() -> None:
    assert len(refused({**GOOD, "inputs": [{}] * 100})) == 20


def test_a_huge_value_makes_no_huge_message() -> None:
    [problem] = refused({**GOOD, "id": "x" * 1_000_000})
    assert len(problem["message"]) < 300


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "Example\n"},
        {"id": "example\n"},
        {"inputs": [asked("prompt\n", "text")]},
        {"pipeline": [{"block": "save\n"}]},
        {"models": [{"class": "A", "input": "b", "file": "c", "url": "https://a/b\n"}]},
    ],
)
def test_nothing_that_has_a_form_ends_in_a_line_break(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidManifest, match="not a name that is allowed"):
        read_manifest({**GOOD, **facts})
