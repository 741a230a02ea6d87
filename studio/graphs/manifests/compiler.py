"""A manifest, a graph and values: the graph that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.errors import InvalidWorkflow
from studio.graphs.graph import Graph, execution_copy, parse
from studio.graphs.manifests.assembly import assemble, read_blocks
from studio.graphs.manifests.loras import chain_loras
from studio.graphs.manifests.manifest import (
    FILE_TYPES,
    STAGE_SEPARATOR,
    Input,
    InputType,
    Manifest,
    Target,
)
from studio.graphs.manifests.targets import find, find_input
from studio.graphs.manifests.values import Values
from studio.graphs.values import ASSET_TYPE

MAX_SIZE: Final = 20 * 1024 * 1024
"""Characters of text, and other values as one each, in a graph that runs."""


def compile_graph(manifest: Manifest, source: Mapping[str, Any], values: Values) -> Graph:
    """The API-format graph of a workflow with these values; nothing that was given is changed.

    Args:
        source: the stored graph.
        values: of every input, as ``used_values`` gives them.

    Raises:
        TargetMissing: a node that an input means is gone.
        InvalidWorkflow: the stored graph is none, or it becomes too large.
    """
    graph, absent = _base(manifest, source, values)
    for each in manifest.inputs:
        value = values.get(each.id)
        if value is None:
            continue
        for target in each.targets:
            if target.node.partition(STAGE_SEPARATOR)[0] not in absent:
                _apply(graph, each, target, value)
    _refuse_giants(graph)
    return graph


def every_node(manifest: Manifest, source: object) -> Graph:
    """The nodes that may be in a workflow's graph; of a repeated stage once, without a number.

    Raises:
        InvalidWorkflow, UnresolvedName: see ``read_blocks`` and ``parse``.
    """
    if not manifest.dynamic:
        return parse(source)
    blocks = read_blocks(manifest, source)
    return {
        f"{stage.name}{STAGE_SEPARATOR}{node_id}": node
        for stage in manifest.stages
        for file in stage.files
        for node_id, node in blocks[file].nodes.items()
    }


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


def _base(manifest: Manifest, source: Mapping[str, Any], values: Values) -> tuple[Graph, set[str]]:
    """The graph before the targets are filled, and the stages that took no part in it."""
    if not manifest.dynamic:
        return execution_copy(parse(source)), set()
    blocks = read_blocks(manifest, source)
    scope = {each.id: graph_value(each, values.get(each.id)) for each in manifest.inputs}
    graph, active = assemble(manifest, blocks, scope)
    if not graph:
        raise InvalidWorkflow("With these values no stage takes part: there is nothing to run.")
    return graph, {stage.name for stage in manifest.stages} - active


def graph_value(each: Input, value: Any) -> Any:
    """A value as a node takes it: files as objects that name their asset."""
    if each.type not in FILE_TYPES or value is None:
        return value
    if isinstance(value, list):
        return [asset_object(item) for item in value]
    return asset_object(value)


def asset_object(value: Mapping[str, str]) -> dict[str, Any]:
    return {"__type": ASSET_TYPE, "info": {"id": value["asset"]}}


def _apply(graph: Graph, each: Input, target: Target, value: Any) -> None:
    if each.type is InputType.LORAS:
        prefix = f"{each.id}{STAGE_SEPARATOR}{target.phase or ''}"
        chain_loras(graph, find(graph, target, each.id), target, value, prefix)
        return
    node_id, name = find_input(graph, target, each.id)
    graph[node_id]["inputs"][name] = _part(each, target, value)


def _refuse_giants(graph: Graph) -> None:
    """Refuse what would be too large once written down: one value may stand in many places."""
    left = MAX_SIZE
    waiting: list[Any] = [node["inputs"] for node in graph.values()]
    while waiting:
        value = waiting.pop()
        left -= len(value) if isinstance(value, str) else 1
        if left < 0:
            raise InvalidWorkflow("With these values the graph becomes too large.")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _part(each: Input, target: Target, value: Any) -> Any:
    if each.type is InputType.RESOLUTION:
        return value[target.part]
    return graph_value(each, value)
