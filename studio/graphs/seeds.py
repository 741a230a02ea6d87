"""Seeds of a graph, and new ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from studio.graphs.declarations import ObjectInfo, declared_inputs
from studio.graphs.graph import Graph, execution_copy

SEED_INPUTS: Final = frozenset({"seed", "noise_seed"})
MAX_SEED: Final = 2**53 - 1
"""The largest integer that JavaScript, and so the editor, keeps exactly."""


def _seeds(graph: Graph) -> Iterator[tuple[str, str, int]]:
    """Every literal seed: (node id, input name, value)."""
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            if isinstance(value, int) and not isinstance(value, bool) and is_seed_input(name):
                yield node_id, name, value


def is_seed_input(name: str) -> bool:
    return name.rpartition(".")[2] in SEED_INPUTS


def with_new_seeds(graph: Graph, generator: random.Random, info: ObjectInfo | None = None) -> Graph:
    """A copy in which every literal seed is drawn anew from ``generator``.

    Values are between 0 and 2**53 - 1 and, where ``info`` knows the class, within the range that
    it declares. Linked seeds stay.
    """
    copy = execution_copy(graph)
    for node_id, name, _ in list(_seeds(graph)):
        least, most = _range(graph[node_id], name, info)
        copy[node_id]["inputs"][name] = generator.randint(least, most)
    return copy


def _range(node: dict[str, Any], name: str, info: ObjectInfo | None) -> tuple[int, int]:
    least, most = 0, MAX_SEED
    class_info = info.get(node["class_type"]) if info is not None else None
    for declared in declared_inputs(class_info, node["inputs"]):
        if declared.name == name:
            declared_least, declared_most = declared.options.get("min"), declared.options.get("max")
            if isinstance(declared_least, (int, float)):
                least = max(least, int(declared_least))
            if isinstance(declared_most, (int, float)):
                most = min(most, int(declared_most))
    return least, max(least, most)
