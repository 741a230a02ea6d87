"""``extra_model_paths.yaml``: where ComfyUI finds models and custom nodes of ours."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Folder types of ComfyUI 0.33, with the older names some of them also go by.
_TYPES: Final[dict[str, tuple[str, ...]]] = {
    **{
        name: (name,)
        for name in (
            "checkpoints", "configs", "loras", "vae", "clip_vision", "style_models", "embeddings",
            "diffusers", "vae_approx", "gligen", "upscale_models", "latent_upscale_models",
            "hypernetworks", "photomaker", "classifiers", "model_patches", "audio_encoders",
            "background_removal", "frame_interpolation", "geometry_estimation", "optical_flow",
            "detection", "datasets",
        )
    },
    "text_encoders": ("clip", "text_encoders"),
    "diffusion_models": ("unet", "diffusion_models"),
    "controlnet": ("t2i_adapter", "controlnet"),
}  # fmt: skip
_CUSTOM_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def write_model_paths(path: Path, *, model_dirs: Sequence[Path], custom_nodes_dir: Path) -> None:
    """Replace ``path``. Of the folders of one type the last is the one that is searched first.

    Sub-folders of a type that only a custom node knows are listed too, under their own name.
    """
    sections = {
        f"studio_{number}": _section(model_dir) for number, model_dir in enumerate(model_dirs, 1)
    }
    sections["studio_1"]["custom_nodes"] = str(custom_nodes_dir)
    # JSON is YAML, and it quotes every name that a path may hold.
    text = json.dumps(sections, indent=2, ensure_ascii=False)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.write_text(
        f"# Written at every start; put changes into a file of your own.\n{text}\n",
        encoding="utf-8",
    )
    new.replace(path)


def _section(model_dir: Path) -> dict[str, str | bool]:
    section: dict[str, str | bool] = {"is_default": True}
    types = dict(_TYPES)
    known = {name for names in _TYPES.values() for name in names} | {"custom_nodes", "llm"}
    for name in _folders(model_dir):
        if name not in known:
            types[name] = (name,)
    for kind, names in sorted(types.items()):
        section[kind] = "\n".join(str(model_dir / name) for name in names)
    return section


def _folders(model_dir: Path) -> list[str]:
    try:
        entries = list(os.scandir(model_dir))
    except OSError:
        return []
    return [
        entry.name for entry in entries if entry.is_dir() and _CUSTOM_TYPE.fullmatch(entry.name)
    ]
