"""Where a file goes, told by what its source calls it."""

from __future__ import annotations

import json

import pytest

from studio.services.catalog_entries import FOLDER
from studio.services.reference_looks import guessed_folder


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("Comfy-Org/x/split_files/vae/one.safetensors", "vae"),
        ("owner/repo/unet/one.safetensors", "diffusion_models"),
        ("owner/repo/clip/one.safetensors", "text_encoders"),
        ("owner/Style-LoRA/one.safetensors", "loras"),
        ("files/detail_lora_v2.safetensors", "loras"),
        ("files/explorations.safetensors", None),
        ("owner/repo/control_net_depth.safetensors", "controlnet"),
        ("owner/repo/t5xxl_fp16.safetensors", "text_encoders"),
        ("owner/repo/taesd.safetensors", None),
        ("owner/repo/4x-UltraSharp.safetensors", "upscale_models"),
        ("owner/repo/Qwen3-4B-Q4_K_M.gguf", "llm"),
        ("owner/repo/model.safetensors", None),
        ("../../etc/passwd", None),
        ("", None),
    ],
)
def test_a_path_tells_the_folder_or_nothing(place: str, folder: str | None) -> None:
    assert guessed_folder(place) == folder


def test_of_the_shipped_entries_nearly_none_would_be_put_into_a_wrong_folder() -> None:
    entries = [
        entry
        for name in ("models", "loras")
        for entry in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["entries"]
    ]
    guesses = [
        (entry["folder"], guessed_folder(entry["reference"].partition(":")[2].partition("@")[0]))
        for entry in entries
    ]
    right = sum(folder == guess for folder, guess in guesses)
    wrong = [pair for pair in guesses if pair[1] not in (None, pair[0])]
    assert right > 0.7 * len(guesses)
    assert len(wrong) < 0.05 * len(guesses), wrong
