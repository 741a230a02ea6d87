"""Values set from a command line."""

from __future__ import annotations

import pytest

from studio.errors import InvalidRequest
from studio.graphs.edits import set_value
from tests.unit.graphs.recorded import extended, node, text_to_image


@pytest.mark.parametrize(
    ("assignment", "node_id", "field", "value"),
    [
        ("6.text=a red fox", "6", "text", "a red fox"),
        ("6.text=a=b.c", "6", "text", "a=b.c"),
        ("6.text=", "6", "text", ""),
        ("3.steps=30", "3", "steps", 30),
        ("KSampler.steps=30", "3", "steps", 30),
        ("3.model=7", "3", "model", 7),
        ('3.model=["10", 0]', "3", "model", ["10", 0]),
        ("3.model=plain", "3", "model", "plain"),
        ("10.deep.strength=0.5", "10", "deep.strength", 0.5),
        ("v1.5 style.on=yes", "10", "on", True),
        ("v1.5 style.on=false", "10", "on", False),
    ],
)
def test_a_value_is_set_by_id_title_or_class_as_the_present_type(
    assignment: str, node_id: str, field: str, value: object
) -> None:
    styled = node("Style", on=False, **{"deep.strength": 1.0})
    graph = extended(n10=styled | {"_meta": {"title": "v1.5 style"}})
    edited = set_value(graph, assignment)
    assert edited[node_id]["inputs"][field] == value
    assert type(edited[node_id]["inputs"][field]) is type(value)
    assert edited[node_id]["inputs"] is not graph[node_id]["inputs"]
    assert {**edited, node_id: graph[node_id]} == graph


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("6.text", "node.input=value"),
        ("text=x", "node.input=value"),
        ("99.text=x", r"no node “99”.*3 \(KSampler\)"),
        ("6.txt=x", "no input “txt”.*text"),
        ("CLIPTextEncode.text=x", "several nodes: 6, 7"),
        ("3.steps=many", "whole number"),
        ("3.steps=2.5", "whole number"),
        ("10.ratio=nan", "a number"),
        ("10.on=perhaps", "true or false"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(assignment: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        set_value(text_to_image() | {"10": node("X", on=True, ratio=1.0)}, assignment)
