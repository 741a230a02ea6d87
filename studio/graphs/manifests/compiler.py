"""A manifest, a graph and values: the graph that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.graphs.graph import Graph, execution_copy, parse
from studio.graphs.manifests.loras import chain_loras
from studio.graphs.manifests.manifest import (
    FILE_TYPES,
    Input,
    InputType,
    Manifest,
    Target,
)
from studio.graphs.manifests.targets import find, find_input
from studio.graphs.manifests.values import Values
from studio.graphs.values import ASSET_TYPE

SEPARATOR: Final = ":"
"""Between a stage's name and a node's own id, as ComfyUI writes the nodes of a subgraph."""


def compile_graph(manifest: Manifest, source: Mapping[str, Any], values: Values) -> Graph:
    """The API-format graph of a workflow with these values; nothing that was given is changed.

    Args:
        source: the stored graph.
        values: of every input, as ``used_values`` gives them.

    Raises:
        TargetMissing: a node that an input means is gone.
        InvalidWorkflow: the stored graph is none.
    """
    graph = execution_copy(parse(source))
    for each in manifest.inputs:
        value = values.get(each.id)
        if value is not None:
            _apply(graph, each, value)
    return graph


def check_targets(manifest: Manifest, graph: Graph) -> None:
    """Refuse a manifest that means nodes which the graph does not have.

    Raises:
        TargetMissing.
    """
    for each in manifest.inputs:
        for target in each.targets:
            if each.type is InputType.LORAS:
                find(graph, target, each.id)
            else:
                find_input(graph, target, each.id)


def graph_value(each: Input, value: Any) -> Any:
    """A value as a node takes it: files as objects that name their asset."""
    if each.type not in FILE_TYPES:
        return value
    if isinstance(value, list):
        return [asset_object(item) for item in value]
    return asset_object(value)


def asset_object(value: Mapping[str, str]) -> dict[str, Any]:
    return {"__type": ASSET_TYPE, "info": {"id": value["asset"]}}


def _apply(graph: Graph, each: Input, value: Any) -> None:
    for target in each.targets:
        if each.type is InputType.LORAS:
            prefix = f"{each.id}{SEPARATOR}{target.phase or ''}"
            chain_loras(graph, find(graph, target, each.id), target, value, prefix)
            continue
        node_id, name = find_input(graph, target, each.id)
        graph[node_id]["inputs"][name] = _part(each, target, value)


def _part(each: Input, target: Target, value: Any) -> Any:
    if each.type is InputType.RESOLUTION:
        return value[target.part]
    return graph_value(each, value)
