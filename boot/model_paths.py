"""``extra_model_paths.yaml``: where ComfyUI finds models and custom nodes of ours."""

from __future__ import annotations

import ast
import contextlib
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
_NO_MODELS: Final = frozenset({"custom_nodes", "llm"})
_REGISTRY: Final = "folder_names_and_paths"
"""The table of ComfyUI's ``folder_paths.py``, by type."""

_CUSTOM_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def write_model_paths(
    path: Path,
    *,
    model_dirs: Sequence[Path],
    cache_dir: Path,
    custom_nodes_dir: Path,
    comfyui_dir: Path | None = None,
) -> None:
    """Replace ``path``. Of the folders of one type the last is the one that is searched first.

    Every type that this release knows is listed, those that the ComfyUI in ``comfyui_dir`` knows
    beyond them, and, under their own name, folders of a type that only a custom node knows.
    """
    types = dict(_TYPES)
    known = {name for names in _TYPES.values() for name in names} | _NO_MODELS
    found = [*_declared(comfyui_dir), *(name for folder in model_dirs for name in _folders(folder))]
    types |= {name: (name,) for name in found if name not in known}
    # What was fetched for one job is the last to be searched.
    sections = {"studio_cache": _section(cache_dir, types)}
    for number, model_dir in enumerate(model_dirs, 1):
        sections[f"studio_{number}"] = _section(model_dir, types)
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


def _section(folder: Path, types: dict[str, tuple[str, ...]]) -> dict[str, str | bool]:
    listed = {
        kind: "\n".join(str(folder / name) for name in names)
        for kind, names in sorted(types.items())
    }
    return {"is_default": True, **listed}


def _declared(comfyui_dir: Path | None) -> list[str]:
    """The types that ComfyUI's own source declares; a newer one may know more than this list."""
    if comfyui_dir is None:
        return []
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        source = (comfyui_dir / "folder_paths.py").read_text(encoding="utf-8")
        return [
            node.slice.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == _REGISTRY
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and _CUSTOM_TYPE.fullmatch(node.slice.value)
        ]
    return []


def _folders(model_dir: Path) -> list[str]:
    try:
        entries = list(os.scandir(model_dir))
    except OSError:
        return []
    return [
        entry.name for entry in entries if entry.is_dir() and _CUSTOM_TYPE.fullmatch(entry.name)
    ]
