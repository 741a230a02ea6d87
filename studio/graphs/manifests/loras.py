"""LoRAs of a list, loaded one after another onto the model of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from studio.graphs.graph import Graph, is_link
from studio.graphs.manifests.manifest import Target

_CHECKPOINT_CLIP: Final = 1


def chain_loras(
    graph: Graph, node_id: str, target: Target, loras: Sequence[dict[str, Any]], prefix: str
) -> None:
    """Put a loader for each LoRA between a node and everything that takes its model (and CLIP).

    The graph is changed in place. A LoRA of a pair is loaded with the file and strength of the
    target's pass; one whose strength there is zero is left out.

    Args:
        prefix: what the new nodes' ids begin with.
    """
    model_output = target.model_output or 0
    clip_output = target.clip_output
    if target.model_output is None and graph[node_id]["class_type"].startswith("CheckpointLoader"):
        clip_output = _CHECKPOINT_CLIP
    model, clip = [node_id, model_output], [node_id, clip_output]
    last_model, last_clip = model, clip
    added: Graph = {}
    for number, lora in enumerate(loras, 1):
        half = lora.get(target.phase, {}) if target.phase else {}
        file, strength = half.get("file", lora.get("file")), half.get("strength", lora["strength"])
        if not file or not (strength or lora.get("strength_clip")):
            continue
        inputs: dict[str, Any] = {
            "model": last_model,
            "lora_name": file,
            "strength_model": strength,
        }
        new_id = _free(graph, f"{prefix}{number}")
        class_type = "LoraLoaderModelOnly"
        if clip_output is not None:
            class_type = "LoraLoader"
            inputs |= {"clip": last_clip, "strength_clip": lora.get("strength_clip", strength)}
            last_clip = [new_id, 1]
        added[new_id] = {
            "class_type": class_type,
            "inputs": inputs,
            "_meta": {"title": f"LoRA {number}"},
        }
        last_model = [new_id, 0]
    if not added:
        return
    _redirect(graph, model, last_model)
    if clip_output is not None:
        _redirect(graph, clip, last_clip)
    graph.update(added)


def _redirect(graph: Graph, old: list[Any], new: list[Any]) -> None:
    for node in graph.values():
        for name, value in node["inputs"].items():
            if is_link(value) and value == old:
                node["inputs"][name] = list(new)


def _free(graph: Graph, wanted: str) -> str:
    while wanted in graph:
        wanted += "_"
    return wanted
