"""Saved workflows with something changed, as people and other versions of the editor leave them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any, Final

Workflow = dict[str, Any]


def vary(workflow: Workflow, chance: random.Random) -> Workflow:
    """A copy with a few nodes bypassed, muted, cut short, cut off or renamed."""
    changed = copy.deepcopy(workflow)
    subgraphs = (changed.get("definitions") or {}).get("subgraphs") or []
    nodes = [node for graph in (changed, *subgraphs) for node in graph.get("nodes", [])]
    for node in chance.sample(nodes, min(len(nodes), 1 + len(nodes) // 8)):
        chance.choice(_CHANGES)(node, chance)
    return changed


def _bypass(node: Workflow, _: random.Random) -> None:
    node["mode"] = 4


def _mute(node: Workflow, _: random.Random) -> None:
    node["mode"] = 2


def _cut_values(node: Workflow, chance: random.Random) -> None:
    values = node.get("widgets_values")
    if isinstance(values, list) and values:
        node["widgets_values"] = values[: chance.randrange(len(values))]


def _empty_value(node: Workflow, chance: random.Random) -> None:
    values = node.get("widgets_values")
    if isinstance(values, list) and values:
        values[chance.randrange(len(values))] = None


def _shuffle_inputs(node: Workflow, chance: random.Random) -> None:
    chance.shuffle(node.get("inputs") or [])


def _forget_unlinked_inputs(node: Workflow, _: random.Random) -> None:
    node["inputs"] = [slot for slot in node.get("inputs") or [] if slot.get("link") is not None]


def _rename(node: Workflow, chance: random.Random) -> None:
    node["title"] = f"Renamed {chance.randrange(100)}"


_CHANGES: Final[list[Callable[[Workflow, random.Random], None]]] = [
    _bypass,
    _bypass,
    _mute,
    _cut_values,
    _empty_value,
    _shuffle_inputs,
    _forget_unlinked_inputs,
    _rename,
]
