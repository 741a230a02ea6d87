"""New seeds for a graph."""

from __future__ import annotations

import random

from studio.graphs.seeds import MAX_SEED, with_new_seeds
from tests.unit.graphs.recorded import INFO, changed, node, text_to_image


def test_literal_seeds_change_and_nothing_else_does() -> None:
    graph = text_to_image()
    fresh = with_new_seeds(graph, random.Random(1))
    seed = fresh["3"]["inputs"]["seed"]
    assert seed != graph["3"]["inputs"]["seed"]
    assert 0 <= seed <= MAX_SEED
    fresh["3"]["inputs"]["seed"] = graph["3"]["inputs"]["seed"]
    assert fresh == graph == text_to_image()


def test_linked_seeds_and_other_types_stay() -> None:
    for value in (["10", 0], "7", True, None):
        graph = changed("3", seed=value)
        assert with_new_seeds(graph, random.Random(1)) == graph


def test_the_declared_range_is_kept() -> None:
    info = INFO | {
        "Dice": {"input": {"required": {"noise_seed": ["INT", {"min": 1, "max": 6}]}}},
    }
    graph = {str(i): node("Dice", noise_seed=9) for i in range(200)}
    drawn = with_new_seeds(graph, random.Random(1), info)
    assert {value["inputs"]["noise_seed"] for value in drawn.values()} == {1, 2, 3, 4, 5, 6}
