"""Small manifests and graphs for the tests of workflows."""

from __future__ import annotations

from typing import Any

from studio.graphs.manifests.manifest import Manifest, read_manifest


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    meta = {"_meta": {"title": title}} if title else {}
    return {"class_type": class_type, "inputs": inputs, **meta}


def manifest(**facts: Any) -> Manifest:
    """A checked manifest with these keys beside the needed ones."""
    return read_manifest({"manifest": 1, "id": "example", "name": "Example", **facts})


def asked(input_id: str, kind: str, **facts: Any) -> dict[str, Any]:
    """An input; without ``targets`` it goes to a node that nobody looks for."""
    target = {"node": "1"} if kind == "loras" else {"node": "1", "input": "value"}
    targets = facts.pop("targets", None) or [target]
    return {"id": input_id, "name": input_id.title(), "type": kind, "targets": targets, **facts}


def diffusion() -> dict[str, dict[str, Any]]:
    """A checkpoint, two prompts, a sampler and a save node, numbered as an export does."""
    return {
        "4": node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name="a.safetensors"),
        "6": node("CLIPTextEncode", "Positive", text="a fox", clip=["4", 1]),
        "7": node("CLIPTextEncode", "Negative", text="rain", clip=["4", 1]),
        "5": node("EmptyLatentImage", "Latent", width=512, height=768, batch_size=1),
        "3": node(
            "KSampler",
            "KSampler",
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
            seed=7,
            steps=20,
            cfg=7.5,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
        ),
        "8": node("VAEDecode", "VAE Decode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", "Save Image", images=["8", 0], filename_prefix="ComfyUI"),
    }
