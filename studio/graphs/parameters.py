"""How one output of a graph was made: the seed, the sampler's settings and the LoRAs behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from studio.graphs.graph import Graph, is_link, is_number
from studio.graphs.seeds import is_seed_input
from studio.graphs.values import unwrapped

SAMPLER_INPUTS: Final = (
    "steps",
    "cfg",
    "guidance",
    "sampler_name",
    "scheduler",
    "denoise",
    "shift",
    "width",
    "height",
    "batch_size",
    "length",
    "fps",
)
"""Settings that people compare, by the names that ComfyUI's own nodes give them."""
_STRENGTHS: Final = ("strength_model", "strength_clip", "strength")
_VALUES: Final = ("value", "int", "seed")


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA that a graph loads; a strength is ``None`` where the loader takes none."""

    file: str
    strength: float | None
    strength_clip: float | None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What lies behind an output, the nearest value of each name."""

    seed: int | None
    settings: dict[str, Any]
    loras: tuple[Lora, ...]


def parameters(graph: Graph, node_id: str | None) -> Parameters:
    """The parameters behind a node, or of the whole graph when there is no such node."""
    seed: int | None = None
    settings: dict[str, Any] = {}
    loras: dict[str, Lora] = {}
    for node in _behind(graph, node_id):
        inputs = node["inputs"]
        for name, value in inputs.items():
            last = name.rpartition(".")[2]
            plain = _literal(graph, value)
            if seed is None and is_seed_input(name) and _is_whole(plain):
                seed = plain
            elif last in SAMPLER_INPUTS and last not in settings and _is_setting(plain):
                settings[last] = plain
        if is_lora_class(node["class_type"]):
            for lora in _loras(inputs):
                loras.setdefault(lora.file, lora)
    return Parameters(seed, settings, tuple(loras.values()))


def is_lora_class(class_type: str) -> bool:
    """Whether a node of this class loads LoRAs."""
    return "lora" in class_type.lower()


def model_kinds(models: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """(file, ``lora`` or ``model``) for the (class, input, file) of a job's models."""
    for class_type, name, file in models:
        is_lora = is_lora_class(class_type) or name.rpartition(".")[2].startswith("lora")
        yield file, "lora" if is_lora else "model"


def _behind(graph: Graph, node_id: str | None) -> Iterator[dict[str, Any]]:
    """The node and those that feed it, the nearest first."""
    if node_id not in graph:
        yield from graph.values()
        return
    assert node_id is not None
    seen, pending = {node_id}, deque([node_id])
    while pending:
        node = graph[pending.popleft()]
        yield node
        for value in node["inputs"].values():
            if is_link(value) and value[0] in graph and value[0] not in seen:
                seen.add(value[0])
                pending.append(value[0])


def _literal(graph: Graph, value: Any) -> Any:
    """A value as it is written, or that of the primitive node that a link leads to."""
    if not is_link(value) or value[0] not in graph:
        return unwrapped(value)
    inputs = graph[value[0]]["inputs"]
    return next((unwrapped(inputs[name]) for name in _VALUES if name in inputs), None)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_setting(value: object) -> bool:
    return is_number(value) or isinstance(value, str)


def _loras(inputs: dict[str, Any]) -> Iterator[Lora]:
    file = inputs.get("lora_name")
    if isinstance(file, str):
        model, clip, both = (_number(inputs.get(name)) for name in _STRENGTHS)
        yield Lora(file, both if model is None else model, clip)
    # Stacks of custom nodes have one object for each LoRA.
    for value in inputs.values():
        if not isinstance(value, dict) or value.get("on") is False:
            continue
        if isinstance(value.get("lora"), str):
            clip = _number(value.get("strengthTwo"))
            yield Lora(value["lora"], _number(value.get("strength")), clip)


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None
