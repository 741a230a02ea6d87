"""Inputs of a graph that choose among model files, and whether their model is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.graphs.declarations import (
    Declaration,
    ObjectInfo,
    declared_inputs,
    has_model_input_name,
    is_file_input,
    is_model_name,
    is_remote_model,
)
from studio.graphs.graph import Graph, title_of


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An input whose model no engine has. ``value`` is what the graph names, often nothing."""

    node_id: str
    title: str
    class_type: str
    name: str
    value: str
    installed: tuple[str, ...]


def missing_models(graph: Graph, infos: Sequence[ObjectInfo]) -> list[ModelInput]:
    """The inputs of a graph whose model is not among those that engines with ``infos`` list."""
    found = []
    for node_id, node in graph.items():
        class_type, inputs = node["class_type"], node["inputs"]
        choices: dict[str, dict[str, None]] = {}
        for info in infos:
            for declared in declared_inputs(info.get(class_type), inputs):
                if _chooses_models(class_type, declared):
                    names = (name for name in declared.choices if isinstance(name, str))
                    choices.setdefault(declared.name, {}).update(dict.fromkeys(names))
        for name, installed in choices.items():
            value = inputs.get(name, "")
            if isinstance(value, str) and value not in installed and not is_remote_model(value):
                title = title_of(node) or class_type
                found.append(ModelInput(node_id, title, class_type, name, value, tuple(installed)))
    return found


def _chooses_models(class_type: str, declared: Declaration) -> bool:
    """With no model installed a list is empty, and the name of the input has to tell."""
    if not declared.is_combo or is_file_input(class_type, declared):
        return False
    if declared.choices:
        return any(is_model_name(choice) for choice in declared.choices)
    return has_model_input_name(declared.name)
