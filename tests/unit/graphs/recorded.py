"""Real engine descriptions and verdicts for the tests of ``studio.graphs``.

``object_info.json`` is a subset of ``/object_info`` of ComfyUI 0.33.0 (GPL-3.0, interface facts
only: names, types, ranges; texts for people removed), asked on a machine with three checkpoints,
one LoRA, one diffusion model, two text encoders, one VAE, one upscaler, and one picture each in
the input and output folders. The verdicts in ``cases`` are what that same engine answered to
``POST /prompt``.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Graph = dict[str, dict[str, Any]]

INFO: dict[str, Any] = json.loads((Path(__file__).parent / "object_info.json").read_text())

ACCEPTED = "accepted"
PARTIAL = "partial"
"""The engine takes the prompt but drops an invalid output node."""
REFUSED = "refused"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def text_to_image() -> Graph:
    """The seven nodes of the editor's default workflow."""
    return {
        "3": node(
            "KSampler",
            seed=8566257,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="dreamshaper_8.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=512, batch_size=1),
        "6": node("CLIPTextEncode", text="a red fox in the snow", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


def changed(node_id: str, **inputs: Any) -> Graph:
    """The default workflow with some inputs of one node set; ``...`` removes an input."""
    graph = text_to_image()
    present = graph[node_id]["inputs"]
    for name, value in inputs.items():
        if value is ...:
            del present[name]
        else:
            present[name] = value
    return graph


def extended(**nodes: dict[str, Any]) -> Graph:
    """The default workflow with further nodes, ``n10`` for node 10."""
    return text_to_image() | {name.removeprefix("n"): value for name, value in nodes.items()}


def picture(**nodes: dict[str, Any]) -> Graph:
    """An empty picture (node 1), with further nodes."""
    base = {"1": node("EmptyImage", width=64, height=64, batch_size=1, color=0)}
    return base | {name.removeprefix("n"): value for name, value in nodes.items()}


@dataclass(frozen=True)
class Case:
    name: str
    graph: Graph
    engine: str
    reasons: dict[str, set[str]] = field(default_factory=dict)
    """What Studio must say, by node; empty when it must accept."""

    def fresh_graph(self) -> Graph:
        return copy.deepcopy(self.graph)
