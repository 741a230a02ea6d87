"""What the queue, the search and the accounts need to know about a graph."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from studio.graphs.declarations import (
    Declaration,
    ObjectInfo,
    declared_inputs,
    has_model_input_name,
    is_file_input,
    is_model_input,
    is_model_name,
)
from studio.graphs.graph import Graph
from studio.graphs.prompts import prompt_text
from studio.graphs.values import unwrapped

SIZE_INPUTS: Final = frozenset(
    {"width", "height", "batch_size", "steps", "length", "frames", "num_frames", "seconds"}
)


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Facts about one graph.

    ``models`` are (class, input, file name or URL), sorted. Jobs with one ``graph_key`` take
    about as long; jobs with one ``affinity_key`` need the same model files loaded, and it is
    empty when the graph names none. ``paid`` says that a class charges money for each run.
    ``prompt_text`` is what a person would search by. ``sizes`` are the largest of each kind that
    make a run long: steps, width and the like.
    """

    classes: frozenset[str]
    models: tuple[tuple[str, str, str], ...]
    graph_key: str
    affinity_key: str
    paid: bool
    prompt_text: str
    sizes: dict[str, int]


def describe(graph: Graph, info: ObjectInfo | None) -> GraphFacts:
    """The facts of a parsed graph; without ``info`` models are known by input names alone."""
    classes: Counter[str] = Counter()
    models: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[tuple[str, int]] = Counter()
    paid = False
    declared: dict[str, dict[str, Declaration]] = {}
    for node_id, node in graph.items():
        class_type, inputs = node["class_type"], node["inputs"]
        class_info = info.get(class_type) if info is not None else None
        if isinstance(class_info, dict):
            paid = paid or bool(class_info.get("api_node"))
            declared[node_id] = {d.name: d for d in declared_inputs(class_info, inputs)}
        classes[class_type] += 1
        declarations = declared.get(node_id)
        for name, value in inputs.items():
            if isinstance(value, int):
                last = name.rpartition(".")[2]
                if last in SIZE_INPUTS and not isinstance(value, bool):
                    sizes[last, value] += 1
                continue
            file = unwrapped(value)
            if isinstance(file, str) and _is_model(class_type, name, file, declarations):
                models[class_type, name, file] += 1
    files = sorted({(class_type, file) for class_type, _, file in models})
    return GraphFacts(
        classes=frozenset(classes),
        models=tuple(sorted(models)),
        graph_key=_key([sorted(classes.items()), sorted(models.items()), sorted(sizes.items())]),
        affinity_key=_key(files) if files else "",
        paid=paid,
        prompt_text=prompt_text(graph, info, declared),
        sizes=dict(sorted(sizes)),
    )


def _is_model(
    class_type: str, name: str, file: str, declarations: dict[str, Declaration] | None
) -> bool:
    if not is_model_name(file):
        return False
    if declarations is None:
        return has_model_input_name(name)
    declared = declarations.get(name)
    return (
        declared is not None
        and is_model_input(declared, file)
        and not is_file_input(class_type, declared)
    )


def _key(value: Any) -> str:
    return hashlib.blake2s(json.dumps(value).encode(), digest_size=8).hexdigest()
