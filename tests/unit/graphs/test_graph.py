"""The shape of a graph: what parse() takes and what it says about the rest."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import InvalidWorkflow, StudioError, WorkflowFormatUi
from studio.graphs.graph import MAX_NODES, execution_copy, is_link, parse
from tests.unit.graphs.recorded import node, text_to_image


def refusal(workflow: object) -> StudioError:
    with pytest.raises(InvalidWorkflow) as caught:
        parse(workflow)
    return caught.value


def node_reasons(workflow: object) -> dict[str, list[str]]:
    details = refusal(workflow).details
    assert details is not None
    return {
        node_id: [problem["reason"] for problem in problems]
        for node_id, problems in details["node_errors"].items()
    }


def test_a_graph_is_returned_as_it_is_with_titles_and_unknown_keys() -> None:
    graph: dict[str, Any] = text_to_image()
    graph["3"] |= {"_meta": {"title": "Sampler"}, "is_changed": [1]}
    assert parse(graph) is graph
    assert graph["3"]["_meta"] == {"title": "Sampler"}


@pytest.mark.parametrize("workflow", [None, [], "x", 5, {}])
def test_what_is_no_object_of_nodes_is_refused(workflow: object) -> None:
    assert refusal(workflow).code == "invalid_workflow"


@pytest.mark.parametrize(
    "workflow",
    [
        {"nodes": [], "links": []},
        {"nodes": [{"id": 1}], "links": [], "version": 0.4},
        {"workflow": {"nodes": [], "links": []}},
        {"workflow": {"nodes": []}, "prompt": {}},
    ],
)
def test_the_editors_own_format_is_named_with_the_way_out(workflow: object) -> None:
    with pytest.raises(WorkflowFormatUi, match="Export \\(API\\)"):
        parse(workflow)


def test_nodes_that_happen_to_be_called_nodes_and_workflow_are_nodes() -> None:
    graph = {"nodes": node("EmptyImage"), "links": node("EmptyImage"), "workflow": node("X")}
    assert parse(graph) == graph


def test_every_malformed_node_is_named_at_once() -> None:
    reasons = node_reasons(
        {
            "1": [],
            "2": {"inputs": {}},
            "3": {"class_type": 5, "inputs": {}},
            "4": {"class_type": "X"},
            "5": {"class_type": "X", "inputs": []},
            "6": node("X"),
        }
    )
    assert reasons == {
        "1": ["invalid_node"],
        "2": ["missing_node_type"],
        "3": ["missing_node_type"],
        "4": ["invalid_node"],
        "5": ["invalid_node"],
    }


@pytest.mark.parametrize("node_id", ["", "a\nb", "\x00", "\ud800", "x" * 201])
def test_unusable_node_ids_are_refused(node_id: str) -> None:
    assert list(node_reasons({node_id: node("X")}).values()) == [["invalid_node_id"]]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_a_hundred_levels_are_allowed_and_one_more_is_not() -> None:
    # The graph, the node and its inputs are three of the levels.
    assert parse({"1": node("X", value=nested(97))})
    assert node_reasons({"1": node("X", value=nested(98))}) == {"1": ["too_deep"]}


def test_a_depth_bomb_is_refused_without_recursion() -> None:
    assert node_reasons({"1": node("X", value=nested(100_000))}) == {"1": ["too_deep"]}


def test_ten_thousand_nodes_are_the_limit() -> None:
    graph = {str(i): node("X") for i in range(MAX_NODES)}
    assert parse(graph)
    assert "10000" in refusal(graph | {"more": node("X")}).message


def test_links_are_told_from_lists_as_the_engine_does() -> None:
    assert is_link(["4", 0])
    assert is_link(["4", 1.0])
    others: list[object] = [["4"], ["4", 0, 0], [4, 0], ["4", "0"], ("4", 0), "40", None, {}]
    for value in others:
        assert not is_link(value)


def test_inputs_of_an_execution_copy_may_be_changed() -> None:
    graph = text_to_image()
    copy = execution_copy(graph)
    copy["3"]["inputs"]["seed"] = 1
    copy["9"]["inputs"]["studio_run"] = "x"
    assert graph == text_to_image()
