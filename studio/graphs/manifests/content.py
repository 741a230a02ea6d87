"""What a version of a workflow holds, checked as one: manifest and graph fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from studio.errors import InvalidWorkflow
from studio.graphs.facts import describe
from studio.graphs.graph import Graph, is_link, parse
from studio.graphs.manifests.assembly import read_blocks
from studio.graphs.manifests.compiler import check_targets, every_node
from studio.graphs.manifests.manifest import Manifest
from studio.graphs.problems import clip

_SHOWN: Final = 8


def check_content(manifest: Manifest, source: object) -> dict[str, Any]:
    """What a workflow needs, as far as can be seen in it: ``{"classes": [...], "models": [...]}``.

    Raises:
        InvalidWorkflow, WorkflowFormatUi: the graph is none, or depends on itself.
        TargetMissing, UnresolvedName: manifest and graph do not go together.
    """
    graphs: list[Graph]
    if manifest.dynamic:
        graphs = [block.nodes for block in read_blocks(manifest, source).values()]
    else:
        graphs = [parse(source)]
    check_targets(manifest, every_node(manifest, source))
    for graph in graphs:
        refuse_cycles(graph)
    return {"classes": _classes(manifest, graphs), "models": _models(manifest, graphs)}


def refuse_cycles(graph: Graph) -> None:
    """Refuse a graph with nodes that depend on themselves.

    Raises:
        InvalidWorkflow: it names some of them.
    """
    waiting = {node_id: _sources(graph, node) for node_id, node in graph.items()}
    takers: dict[str, list[str]] = {}
    for node_id, sources in waiting.items():
        for source in sources:
            takers.setdefault(source, []).append(node_id)
    free = [node_id for node_id, sources in waiting.items() if not sources]
    while free:
        done = free.pop()
        del waiting[done]
        for taker in takers.get(done, ()):
            waiting[taker].discard(done)
            if not waiting[taker]:
                free.append(taker)
    if waiting:
        listed = ", ".join(clip(node_id, 40) for node_id in list(waiting)[:_SHOWN])
        raise InvalidWorkflow(
            f"Nodes depend on themselves, among these: {listed}.",
            details={"node_errors": {}, "error_types": ["dependency_cycle"]},
        )


def _sources(graph: Graph, node: Mapping[str, Any]) -> set[str]:
    return {value[0] for value in node["inputs"].values() if is_link(value) and value[0] in graph}


def _classes(manifest: Manifest, graphs: Iterable[Graph]) -> list[str]:
    seen = {node["class_type"] for graph in graphs for node in graph.values()}
    return sorted(seen | set(manifest.source.get("nodes", ())))


def _models(manifest: Manifest, graphs: Iterable[Graph]) -> list[dict[str, str]]:
    """Model files that the graph names, those of the manifest apart."""
    models = manifest.source.get("models", ())
    listed = {(each["class"], each["input"], each["file"]) for each in models}
    seen = {model for graph in graphs for model in describe(graph, None).models}
    return [
        {"class": class_type, "input": name, "file": file}
        for class_type, name, file in sorted(seen - listed)
    ]
