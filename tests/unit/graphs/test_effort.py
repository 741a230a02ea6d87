"""How much work a graph is: it grows with what makes a run longer."""

from __future__ import annotations

from typing import Any

import pytest

from studio.graphs.effort import effort


def graph(**nodes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"class_type": "Any", "inputs": inputs} for name, inputs in nodes.items()}


SIZE = {"width": 1000, "height": 1000, "batch_size": 1}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ({"sampler": {"steps": 20}, "size": SIZE}, 20),
        ({"sampler": {"steps": 20}, "size": {**SIZE, "batch_size": 4}}, 80),
        ({"sampler": {"steps": 20}, "size": {**SIZE, "length": 81}}, 1620),
        ({"sampler": {"steps": 20}, "size": {**SIZE, "width": 500}}, 10),
        ({"sampler": {"steps": 8}, "scale": {"megapixels": 2.0}}, 16),
        ({"save": {"images": ["x", 0]}}, 1),
        ({"sampler": {"steps": True}, "size": {"width": -5, "height": 7}}, 1),
    ],
)
def test_it_grows_with_steps_pixels_frames_and_pictures(
    nodes: dict[str, dict[str, Any]], expected: float
) -> None:
    assert effort(graph(**nodes)) == pytest.approx(expected)


def test_samplers_in_a_row_share_their_steps() -> None:
    high = {"steps": 20, "start_at_step": 0, "end_at_step": 10}
    low = {"steps": 20, "start_at_step": 10, "end_at_step": 10000}

    assert effort(graph(high=high, low=low, size=SIZE)) == pytest.approx(20)


def test_a_number_that_a_node_beside_it_holds_counts() -> None:
    sampler = {"steps": ["held", 0]}

    assert effort(graph(sampler=sampler, held={"value": 30}, size=SIZE)) == pytest.approx(30)
    assert effort(graph(sampler=sampler, size=SIZE)) == pytest.approx(1)
