"""Nodes that stand for loading a model and for encoding a prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from studio.embedded.context import Context
from studio.embedded.declarations import (
    Input,
    NodeClass,
    Result,
    integer,
    number,
    socket,
    text,
)
from studio.embedded.diffusion import Clip, Conditioning, Model, Vae
from studio.embedded.folders import Folders

BUILT_IN = {
    "checkpoints": ["embedded-demo.safetensors"],
    "loras": ["embedded-vivid.safetensors"],
    "vae": ["pixel_space"],
}
"""What stands for models here. Files are listed after it, as ComfyUI lists them, and stand for the
same painter."""


def _run_load_checkpoint(_context: Context, **_names: str) -> Result:
    return Result((Model(), Clip(), Vae()))


def _run_load_vae(_context: Context, **_names: str) -> Result:
    return Result((Vae(),))


def _run_load_lora(
    _context: Context, model: Model, clip: Clip, strength_model: float, **_ignored: Any
) -> Result:
    return Result((_tuned(model, strength_model), clip))


def _run_load_lora_model(
    _context: Context, model: Model, strength_model: float, **_ignored: Any
) -> Result:
    return Result((_tuned(model, strength_model),))


def _tuned(model: Model, strength: float) -> Model:
    return replace(model, vivid=max(-1.0, min(2.0, model.vivid + strength)))


def _run_encode_text(_context: Context, text: str, **_ignored: Any) -> Result:
    return Result((Conditioning(text),))


def _run_set_layer(_context: Context, clip: Clip, **_ignored: Any) -> Result:
    return Result((clip,))


def _run_zero_out(_context: Context, **_ignored: Any) -> Result:
    return Result((Conditioning(""),))


def _strength(name: str) -> Input:
    return number(name, 1.0, -100.0, 100.0)


def _model(name: str, kind: str) -> Input:
    def listing(folders: Folders) -> list[str]:
        return [*BUILT_IN[kind], *folders.model_files(kind)]

    return Input(name, BUILT_IN[kind], listing=listing)


_LORA_NAME = _model("lora_name", "loras")

NODES = (
    NodeClass(
        name="CheckpointLoaderSimple",
        display_name="Load Checkpoint",
        category="model/loaders",
        run=_run_load_checkpoint,
        inputs=(_model("ckpt_name", "checkpoints"),),
        outputs=("MODEL", "CLIP", "VAE"),
        description="Loads the painter that this engine has instead of models.",
    ),
    NodeClass(
        name="VAELoader",
        display_name="Load VAE",
        category="model/loaders",
        run=_run_load_vae,
        inputs=(_model("vae_name", "vae"),),
        outputs=("VAE",),
    ),
    NodeClass(
        name="LoraLoader",
        display_name="Load LoRA (Model and CLIP)",
        category="model/loaders",
        run=_run_load_lora,
        inputs=(
            socket("model", "MODEL"),
            socket("clip", "CLIP"),
            _LORA_NAME,
            _strength("strength_model"),
            _strength("strength_clip"),
        ),
        outputs=("MODEL", "CLIP"),
        essentials="Image Generation",
        description="Makes the painter's colours stronger, or paler with a negative strength.",
    ),
    NodeClass(
        name="LoraLoaderModelOnly",
        display_name="Load LoRA",
        category="model/loaders",
        run=_run_load_lora_model,
        inputs=(socket("model", "MODEL"), _LORA_NAME, _strength("strength_model")),
        outputs=("MODEL",),
        essentials="Image Generation",
        description="Makes the painter's colours stronger, or paler with a negative strength.",
    ),
    NodeClass(
        name="CLIPTextEncode",
        display_name="CLIP Text Encode (Prompt)",
        category="model/conditioning",
        run=_run_encode_text,
        inputs=(text("text", multiline=True, dynamicPrompts=True), socket("clip", "CLIP")),
        outputs=("CONDITIONING",),
        description="Hands the words of a prompt to the painter.",
    ),
    NodeClass(
        name="CLIPSetLastLayer",
        display_name="CLIP Set Last Layer",
        category="model/conditioning",
        run=_run_set_layer,
        inputs=(socket("clip", "CLIP"), integer("stop_at_clip_layer", -1, -24, -1, advanced=True)),
        outputs=("CLIP",),
    ),
    NodeClass(
        name="ConditioningZeroOut",
        display_name="Conditioning Zero Out",
        category="model/conditioning/transform",
        run=_run_zero_out,
        inputs=(socket("conditioning", "CONDITIONING"),),
        outputs=("CONDITIONING",),
    ),
)
