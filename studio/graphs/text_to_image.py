"""The text-to-image workflow that Studio ships: a prompt in words as a graph."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studio.graphs.declarations import declared_inputs
from studio.graphs.graph import Graph, execution_copy, parse

WORKFLOW_ID: Final = "text-to-image"
LOADER: Final = "CheckpointLoaderSimple"
_FILE: Final = Path(__file__).resolve().parents[2] / "workflows" / WORKFLOW_ID / "workflow.json"
_SIDE: Final = 512
_LARGE_SIDE: Final = 1024


@dataclass(frozen=True, slots=True)
class Picture:
    """What a person asks for; ``None`` keeps what the workflow or the checkpoint suggests."""

    prompt: str
    checkpoint: str
    seed: int
    negative: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg: float | None = None
    count: int = 1


def read_workflow() -> Graph:
    """The shipped graph, as its file has it."""
    return parse(json.loads(_FILE.read_bytes()))


def filled(workflow: Graph, picture: Picture) -> Graph:
    """A copy of the shipped graph that makes the picture."""
    graph = execution_copy(workflow)
    side = native_side(picture.checkpoint)
    graph["checkpoint"]["inputs"]["ckpt_name"] = picture.checkpoint
    graph["positive"]["inputs"]["text"] = picture.prompt
    graph["negative"]["inputs"]["text"] = picture.negative
    graph["latent"]["inputs"] |= {
        "width": picture.width or side,
        "height": picture.height or side,
        "batch_size": picture.count,
    }
    sampler = graph["sampler"]["inputs"]
    sampler["seed"] = picture.seed
    if picture.steps is not None:
        sampler["steps"] = picture.steps
    if picture.cfg is not None:
        sampler["cfg"] = picture.cfg
    return graph


def native_side(checkpoint: str) -> int:
    """The side of a square, in pixels, that a checkpoint was probably trained on."""
    return _LARGE_SIDE if "xl" in checkpoint.lower() else _SIDE


def checkpoints(infos: Iterable[dict[str, Any]]) -> list[str]:
    """Names of the checkpoints that engines with these lists of nodes have, sorted."""
    names = {
        str(name)
        for info in infos
        for declared in declared_inputs(info.get(LOADER), {})
        if declared.name == "ckpt_name"
        for name in declared.choices
    }
    return sorted(names, key=str.lower)
