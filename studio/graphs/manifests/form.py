"""The form of a workflow: its inputs with what the engines offer now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studio.errors import InvalidWorkflow
from studio.graphs.declarations import Declaration, ObjectInfo, declared_inputs
from studio.graphs.graph import Graph
from studio.graphs.manifests.manifest import CHOICE_TYPES, NUMBER_TYPES, Input, InputType, Manifest
from studio.graphs.manifests.targets import find_input
from studio.graphs.seeds import MAX_SEED

Infos = Iterable[ObjectInfo]


def form(manifest: Manifest, graph: Graph, infos: Infos) -> list[dict[str, Any]]:
    """Every input as the manifest has it, with ``options``, ``min``, ``max`` and ``default``.

    Options are those of the manifest, else those of the engines; a required choice that was left
    open has the first option as its default. LoRAs with ``pairs`` have a file for each of two
    passes.

    Args:
        graph: every node that the inputs may mean; see ``every_node``.
    """
    known = list(infos)
    return [
        _field(each, source, graph, known)
        for each, source in zip(manifest.inputs, manifest.source.get("inputs", ()), strict=True)
    ]


def live_options(each: Input, graph: Graph, infos: Infos) -> list[Any]:
    """What an input may be: the choices of its first target on any engine, in their order."""
    found: dict[Any, None] = {}
    for info in infos:
        for declared in _declarations(each, graph, info):
            found.update(dict.fromkeys(c for c in declared.choices if isinstance(c, str | int)))
    return list(found)


def _field(
    each: Input, source: Mapping[str, Any], graph: Graph, infos: list[ObjectInfo]
) -> dict[str, Any]:
    field = {key: value for key, value in source.items() if key != "targets"}
    if each.type in CHOICE_TYPES and not each.options:
        field["options"] = [{"value": value} for value in live_options(each, graph, infos)]
    elif each.type is InputType.LORAS:
        field["options"] = [{"value": value} for value in _lora_files(infos)]
        field["pairs"] = any(target.phase is not None for target in each.targets)
    elif each.type in NUMBER_TYPES:
        declared = next((d for info in infos for d in _declarations(each, graph, info)), None)
        for key in ("min", "max", "step") if declared is not None else ():
            limit = declared.options.get(key) if declared is not None else None
            if key not in field and isinstance(limit, (int, float)):
                field[key] = limit
    if each.type is InputType.SEED and field.get("max", 0) > MAX_SEED:
        # Engines take more than JSON's numbers carry exactly.
        field["max"] = MAX_SEED
    is_open = each.required and field.get("default") in (None, "")
    if is_open and each.type in CHOICE_TYPES and field.get("options"):
        field["default"] = field["options"][0]["value"]
    return field


def _lora_files(infos: list[ObjectInfo]) -> list[str]:
    found: dict[str, None] = {}
    for info in infos:
        for class_type in ("LoraLoader", "LoraLoaderModelOnly"):
            for declared in declared_inputs(info.get(class_type), {}):
                if declared.name == "lora_name":
                    found.update(dict.fromkeys(str(choice) for choice in declared.choices))
    return list(found)


def _declarations(each: Input, graph: Graph, info: ObjectInfo) -> list[Declaration]:
    """What an engine declares about the inputs that a value goes to."""
    found = []
    for target in each.targets:
        try:
            node_id, name = find_input(graph, target, each.id)
        except InvalidWorkflow:
            class_type, inputs, name = target.class_type, {}, target.input or ""
        else:
            class_type, inputs = graph[node_id]["class_type"], graph[node_id]["inputs"]
        declared = declared_inputs(info.get(class_type or ""), inputs)
        found += [each for each in declared if each.name == name]
    return found
