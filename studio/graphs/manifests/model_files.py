"""The model files that a graph names, as a manifest lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.graphs.declarations import ObjectInfo
from studio.graphs.facts import describe
from studio.graphs.graph import Graph

_FOLDERS: Final = {
    "ckpt_name": "checkpoints",
    "vae_name": "vae",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    "lora_name": "loras",
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "photomaker_model_name": "photomaker",
    "audio_encoder_name": "audio_encoders",
}
_CLASS_FOLDERS: Final = {
    "UpscaleModelLoader": "upscale_models",
    "CLIPVisionLoader": "clip_vision",
    "LatentUpscaleModelLoader": "latent_upscale_models",
    "ModelPatchLoader": "model_patches",
    "AudioEncoderLoader": "audio_encoders",
    "FrameInterpolationModelLoader": "frame_interpolation",
    "LoadMoGeModel": "geometry_estimation",
    "LoadDA3Model": "geometry_estimation",
    "LoadBackgroundRemovalModel": "background_removal",
    "LoadMediaPipeFaceLandmarker": "detection",
    "OpticalFlowLoader": "optical_flow",
}


def model_files(
    graph: Graph, info: ObjectInfo, sources: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Every model file, with the folder it belongs in where that is known.

    Args:
        sources: by file name, where a model can be had: ``url``, ``directory``, ``sha256``.
    """
    found = []
    for class_type, name, file in describe(graph, info).models:
        if file.startswith(("/", "http")) or "\\" in file or ".." in file or len(file) > 300:
            continue
        entry = {"class": class_type, "input": name, "file": file}
        last = name.rpartition(".")[2].rstrip("0123456789")
        folder = _CLASS_FOLDERS.get(class_type) or _FOLDERS.get(last)
        if folder:
            entry["directory"] = folder
        known = sources.get(file.rpartition("/")[2], {})
        facts = ("url", "directory", "sha256")
        entry |= {key: str(known[key]) for key in facts if known.get(key)}
        found.append(entry)
    return found
