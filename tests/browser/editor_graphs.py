"""Graphs as ComfyUI's editor saves them."""

from __future__ import annotations

from typing import Any

from tests.api.graphs import CHECKPOINT


def node(number: int, kind: str, inputs: dict[str, int], outputs: str, *values: Any) -> Any:
    """A node as the editor saves it: ``inputs`` by name with the number of their link."""
    return {
        "id": number,
        "type": kind,
        "inputs": [{"name": name, "type": "*", "link": link} for name, link in inputs.items()],
        "outputs": [{"name": name, "type": name, "links": []} for name in outputs.split()],
        "widgets_values": list(values),
    }


def harbour(steps: int) -> dict[str, Any]:
    """Text to image without anything beside it."""
    sampler = {"model": 1, "positive": 4, "negative": 5, "latent_image": 6}
    values = (7, "randomize", steps, 7.0, "euler", "normal", 1.0)
    return {
        "last_node_id": 7,
        "last_link_id": 9,
        "nodes": [
            node(1, "CheckpointLoaderSimple", {}, "MODEL CLIP VAE", CHECKPOINT),
            node(2, "CLIPTextEncode", {"clip": 2}, "CONDITIONING", "a quiet harbour"),
            node(3, "CLIPTextEncode", {"clip": 3}, "CONDITIONING", "blurry"),
            node(4, "EmptyLatentImage", {}, "LATENT", 128, 128, 1),
            node(5, "KSampler", sampler, "LATENT", *values),
            node(6, "VAEDecode", {"samples": 7, "vae": 8}, "IMAGE"),
            node(7, "SaveImage", {"images": 9}, "", "harbour"),
        ],
        "links": [
            [1, 1, 0, 5, 0, "MODEL"],
            [2, 1, 1, 2, 0, "CLIP"],
            [3, 1, 1, 3, 0, "CLIP"],
            [4, 2, 0, 5, 1, "CONDITIONING"],
            [5, 3, 0, 5, 2, "CONDITIONING"],
            [6, 4, 0, 5, 3, "LATENT"],
            [7, 5, 0, 6, 0, "LATENT"],
            [8, 1, 2, 6, 1, "VAE"],
            [9, 6, 0, 7, 0, "IMAGE"],
        ],
        "version": 0.4,
    }


def harbour_with_lora(checkpoint: str, lora: str) -> dict[str, Any]:
    """The same with other models: a LoRA stands between the checkpoint and what it works on."""
    graph = harbour(4)
    nodes, links = graph["nodes"], graph["links"]
    nodes[0]["widgets_values"] = [checkpoint]
    loader = node(8, "LoraLoader", {"model": 10, "clip": 11}, "MODEL CLIP", lora, 0.5, 0.5)
    for link in links[:3]:
        link[1] = 8
    return {
        **graph,
        "last_node_id": 8,
        "last_link_id": 11,
        "nodes": [*nodes, loader],
        "links": [*links, [10, 1, 0, 8, 0, "MODEL"], [11, 1, 1, 8, 1, "CLIP"]],
    }
