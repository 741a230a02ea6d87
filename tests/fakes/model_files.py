"""Small model files of every kind that the header tells apart."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKPOINT = ("model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in")
SDXL = (*CHECKPOINT, "conditioner.embedders.1.model.ln_final.weight")
LORA = ("lora_unet_down_blocks_0.lora_down.weight", "lora_unet_down_blocks_0.lora_up.weight")
VAE = ("encoder.conv_in.weight", "decoder.conv_in.weight")
FLUX = ("double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight")
TEXT_ENCODER = ("text_model.encoder.layers.0.mlp.fc1.weight",)


def safetensors(
    tensors: tuple[str, ...], metadata: Mapping[str, str] | None = None, *, fill: bytes = b"\0"
) -> bytes:
    """A file of tensors of four bytes each."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    for number, name in enumerate(tensors):
        offsets = [number * 4, number * 4 + 4]
        header[name] = {"dtype": "F32", "shape": [1], "data_offsets": offsets}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + fill * 4 * len(tensors)


def gguf(metadata: Mapping[str, str]) -> bytes:
    """A file with texts in its header and no tensors."""
    data = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(metadata))
    for key, value in metadata.items():
        data += struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", 8)
        data += struct.pack("<Q", len(value)) + value.encode()
    return data


def put(path: Path, data: bytes) -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
