"""A manifest proposed for a graph that somebody brought: what a person would want to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.graphs.declarations import (
    Declaration,
    ObjectInfo,
    declared_inputs,
    is_file_input,
    is_model_input,
)
from studio.graphs.graph import Graph, is_number, title_of
from studio.graphs.manifests.model_files import model_files
from studio.graphs.manifests.prompt_roles import prompt_roles
from studio.graphs.manifests.values import MAX_SIDE
from studio.graphs.seeds import is_seed_input

MAX_INPUTS: Final = 60
_NAME_LENGTH: Final = 100
_NUMBERS: Final = {
    "steps": ("Steps", True),
    "cfg": ("CFG", True),
    "guidance": ("Guidance", True),
    "denoise": ("Denoise", True),
    "batch_size": ("Pictures", False),
    "length": ("Frames", False),
    "fps": ("Frames per second", True),
    "frame_rate": ("Frames per second", True),
}
"""Numbers worth asking for: their name, and whether they are for the advanced."""
_CHOICES: Final = {"sampler_name": "Sampler", "scheduler": "Scheduler"}
_KINDS: Final = (("image", "image"), ("audio", "audio"), ("video", "video"))


@dataclass(frozen=True, slots=True)
class _Spot:
    """One literal value of the graph and what is declared about it."""

    node_id: str
    node: dict[str, Any]
    name: str
    value: Any
    declared: Declaration


def propose(
    graph: Graph,
    info: ObjectInfo,
    *,
    name: str,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The JSON form of a manifest for a parsed graph.

    Args:
        info: what an engine declares; classes it does not have give no inputs.
        sources: by file name, where a model can be had: ``url``, ``directory``.
    """
    wizard = _Wizard(graph, info)
    manifest: dict[str, Any] = {
        "manifest": 1,
        "id": slug(name),
        "name": name.strip()[:120] or "Workflow",
        "inputs": wizard.inputs()[:MAX_INPUTS],
        "outputs": wizard.outputs()[:50],
        "models": model_files(graph, info, sources or {})[:100],
    }
    return manifest


def slug(name: str) -> str:
    """A name as an id."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-")
    return text or "workflow"


class _Wizard:
    def __init__(self, graph: Graph, info: ObjectInfo) -> None:
        self._graph = graph
        self._info = info
        self._ids: dict[str, int] = {}
        self._roles = prompt_roles(graph)
        self._spots = list(self._find_spots())

    def inputs(self) -> list[dict[str, Any]]:
        """Prompts first, then files, models, sizes, seeds and numbers."""
        parts: tuple[Callable[[], Iterator[dict[str, Any]]], ...] = (
            self._prompts,
            self._files,
            self._models,
            self._loras,
            self._sizes,
            self._seeds,
            self._numbers,
        )
        return [each for part in parts for each in part()]

    def outputs(self) -> list[dict[str, Any]]:
        found = []
        for node_id, node in self._graph.items():
            class_info = self._info.get(node["class_type"])
            if isinstance(class_info, dict) and class_info.get("output_node"):
                kind = _output_kind(node["class_type"])
                name = _title(node) or node["class_type"]
                found.append(
                    {
                        "id": self._id(kind),
                        "name": name,
                        "type": kind,
                        "target": _target(node_id, node),
                    }
                )
        return found

    def _find_spots(self) -> Iterator[_Spot]:
        for node_id, node in self._graph.items():
            inputs = node["inputs"]
            for declared in declared_inputs(self._info.get(node["class_type"]), inputs):
                value = inputs.get(declared.name)
                if declared.name in inputs and not isinstance(value, (list, dict)):
                    yield _Spot(node_id, node, declared.name, value, declared)

    def _prompts(self) -> Iterator[dict[str, Any]]:
        texts = [
            spot
            for spot in self._spots
            if spot.declared.type == "STRING" and spot.declared.options.get("multiline")
        ]
        order = {"positive": 0, "": 1, "negative": 2}
        texts.sort(key=lambda spot: order[self._roles.get(spot.node_id, "")])
        for spot in texts:
            role = self._roles.get(spot.node_id, "")
            name = {"positive": "Prompt", "negative": "Negative prompt"}.get(role)
            name = name or _title(spot.node) or "Text"
            needed = {"required": True} if role == "positive" and not spot.value else {}
            yield self._input(
                spot,
                role if role == "negative" else "prompt",
                name,
                "text",
                default=spot.value if isinstance(spot.value, str) else "",
                multiline=True,
                **needed,
            )

    def _files(self) -> Iterator[dict[str, Any]]:
        for spot in self._spots:
            class_type = spot.node["class_type"]
            if not is_file_input(class_type, spot.declared):
                continue
            kind = next(
                (kind for key, kind in _KINDS if spot.declared.options.get(f"{key}_upload")), ""
            )
            kind = kind or next((kind for key, kind in _KINDS if key in class_type.lower()), "file")
            if "Mask" in class_type:
                kind = "mask"
            yield self._input(
                spot, kind, _title(spot.node) or kind.capitalize(), kind, required=True
            )

    def _models(self) -> Iterator[dict[str, Any]]:
        for spot in self._spots:
            is_lora = spot.name.startswith("lora")
            if is_lora or not is_model_input(spot.declared, spot.value):
                continue
            if is_file_input(spot.node["class_type"], spot.declared):
                continue
            kind = {"ckpt_name": "checkpoint", "vae_name": "vae"}.get(spot.name, "select")
            name = _title(spot.node) or {"checkpoint": "Checkpoint", "vae": "VAE"}.get(
                kind, "Model"
            )
            yield self._input(
                spot,
                kind if kind != "select" else "model",
                name,
                kind,
                default=spot.value,
                required=True,
                advanced=kind != "checkpoint",
            )

    def _loras(self) -> Iterator[dict[str, Any]]:
        loaders = [
            (node_id, node)
            for node_id, node in self._graph.items()
            if node["class_type"].startswith("CheckpointLoader")
            or node["class_type"] == "UNETLoader"
        ]
        if len(loaders) == 1:
            yield {
                "id": self._id("loras"),
                "name": "LoRAs",
                "type": "loras",
                "default": [],
                "advanced": True,
                "targets": [_target(*loaders[0])],
            }

    def _sizes(self) -> Iterator[dict[str, Any]]:
        by_node: dict[str, dict[str, _Spot]] = {}
        for spot in self._spots:
            # A side that no picture has is left as the graph has it: nobody could run it so.
            is_side = is_number(spot.value) and 1 <= spot.value <= MAX_SIDE
            if spot.name in ("width", "height") and is_side:
                by_node.setdefault(spot.node_id, {})[spot.name] = spot
        for spots in by_node.values():
            if len(spots) < 2:
                continue
            width, height = spots["width"], spots["height"]
            limits = {
                key: width.declared.options[key]
                for key in ("min", "max", "step")
                if is_number(width.declared.options.get(key))
            }
            limits = {key: value for key, value in limits.items() if key != "step" or value > 0}
            if "min" in limits:
                limits["min"] = max(1, limits["min"])
            yield {
                "id": self._id("size"),
                "name": "Size",
                "type": "resolution",
                "default": {"width": int(width.value), "height": int(height.value)},
                **limits,
                "targets": [
                    _target(each.node_id, each.node, each.name) for each in (width, height)
                ],
            }

    def _seeds(self) -> Iterator[dict[str, Any]]:
        for spot in self._spots:
            if is_seed_input(spot.name) and spot.declared.type == "INT":
                yield self._input(spot, "seed", "Seed", "seed", default=-1)

    def _numbers(self) -> Iterator[dict[str, Any]]:
        for spot in self._spots:
            last = spot.name.rpartition(".")[2]
            if (
                last in _NUMBERS
                and spot.declared.type in ("INT", "FLOAT")
                and is_number(spot.value)
            ):
                name, advanced = _NUMBERS[last]
                limits = {
                    key: spot.declared.options[key]
                    for key in ("min", "max", "step")
                    if is_number(spot.declared.options.get(key))
                    and (key != "step" or spot.declared.options[key] > 0)
                }
                kind = "int" if spot.declared.type == "INT" else "float"
                yield self._input(
                    spot, last, name, kind, default=spot.value, advanced=advanced, **limits
                )
            elif last in _CHOICES and spot.declared.is_combo:
                yield self._input(
                    spot, last, _CHOICES[last], "select", default=spot.value, advanced=True
                )

    def _input(self, spot: _Spot, base: str, name: str, kind: str, **facts: Any) -> dict[str, Any]:
        number = self._ids.get(base, 0)
        return {
            "id": self._id(base),
            "name": f"{name} {number + 1}" if number and name in _GENERAL else name,
            "type": kind,
            **{key: value for key, value in facts.items() if value is not False},
            "targets": [_target(spot.node_id, spot.node, spot.name)],
        }

    def _id(self, base: str) -> str:
        base = re.sub(r"\W", "_", base)
        self._ids[base] = self._ids.get(base, 0) + 1
        number = self._ids[base]
        return base if number == 1 else f"{base}_{number}"


_GENERAL: Final = frozenset(
    {"Prompt", "Negative prompt", "Text", "Seed", "Sampler", "Scheduler", "Model", "Image"}
    | {name for name, _ in _NUMBERS.values()}
)
"""Names that many nodes share, told apart by a number."""


def _title(node: dict[str, Any]) -> str:
    return title_of(node).strip()[:_NAME_LENGTH]


def _target(node_id: str, node: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    target = {"node": node_id, "class": node["class_type"]}
    if title := title_of(node)[:200]:
        target["title"] = title
    if name is not None:
        target["input"] = name
    return target


def _output_kind(class_type: str) -> str:
    lower = class_type.lower()
    for word, kind in (
        ("video", "video"),
        ("webm", "video"),
        ("audio", "audio"),
        ("text", "text"),
        ("any", "text"),
    ):
        if word in lower:
            return kind
    return "image" if "image" in lower or "webp" in lower or "png" in lower else "file"
