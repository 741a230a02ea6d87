"""How much work a graph is, in one number that grows with steps, pixels, frames and pictures."""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.graph import Graph, is_link

_FRAMES: Final = ("length", "frames", "num_frames", "video_frames")
_VALUES: Final = ("value", "int", "number")
"""What nodes that hold a number call it."""
_MEGAPIXEL: Final = 1_000_000
_MOST: Final = 1e9
"""Nobody means more of anything by one number."""
_PLAIN: Final = 1.0
"""Megapixels of a graph that says no size: those that work on a picture keep its own."""


def effort(graph: Graph) -> float:
    """Megapixels that are sampled, each once for every step, frame and picture; at least a bit.

    Two runs of the same models take about as long as these numbers are to each other.
    """
    steps = 0.0
    megapixels = frames = pictures = 0.0
    for node in graph.values():
        inputs = node["inputs"]
        steps += _steps(graph, inputs)
        width, height = _number(graph, inputs, "width"), _number(graph, inputs, "height")
        if width > 0 and height > 0:
            megapixels = max(megapixels, width * height / _MEGAPIXEL)
        megapixels = max(megapixels, _number(graph, inputs, "megapixels"))
        frames = max(frames, *(_number(graph, inputs, name) for name in _FRAMES))
        pictures = max(pictures, _number(graph, inputs, "batch_size"))
    return max(1.0, steps) * (megapixels or _PLAIN) * max(1.0, frames) * max(1.0, pictures)


def _steps(graph: Graph, inputs: dict[str, Any]) -> float:
    """The steps that a node samples: of samplers in a row each does a part."""
    steps = _number(graph, inputs, "steps")
    if steps <= 0:
        return 0.0
    first = _number(graph, inputs, "start_at_step")
    last = _number(graph, inputs, "end_at_step") or steps
    return max(0.0, min(last, steps) - max(0.0, first))


def _number(graph: Graph, inputs: dict[str, Any], name: str) -> float:
    """An input's number, also when a node beside it holds it; 0 when there is none."""
    value = inputs.get(name)
    if isinstance(value, list) and is_link(value):
        held = graph.get(value[0], {}).get("inputs", {})
        value = next((held[each] for each in _VALUES if each in held), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < _MOST else 0.0
