"""What a header tells of a model: its kind, its base model, its words, and where it belongs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import orjson
import pytest

from studio.services.catalog_entries import FOLDER
from studio.services.families import Families
from studio.services.model_facts import ModelFacts, model_facts
from studio.store.model_headers import BadHeader, read_header
from tests.fakes.model_files import (
    CHECKPOINT,
    FLUX,
    LORA,
    SDXL,
    TEXT_ENCODER,
    VAE,
    gguf,
    put,
    safetensors,
)

FAMILIES = Families(orjson.loads((FOLDER / "families.json").read_bytes())["families"])


def facts(tmp_path: Path, data: bytes, folder: str, name: str = "m.safetensors") -> ModelFacts:
    return model_facts(read_header(put(tmp_path / name, data)), folder, FAMILIES)


@pytest.mark.parametrize(
    ("tensors", "kind", "family", "folder"),
    [
        (CHECKPOINT, "checkpoint", None, "checkpoints"),
        (SDXL, "checkpoint", "sdxl", "checkpoints"),
        (LORA, "lora", None, "loras"),
        (("lora_te2_text_model.lora_down.weight",), "lora", "sdxl", "loras"),
        (("transformer.single_transformer_blocks.0.lora_A.weight",), "lora", "flux-1", "loras"),
        (("diffusion_model.blocks.0.cross_attn.k.lora_A.weight",), "lora", "wan-2.1", "loras"),
        (FLUX, "diffusion", "flux-1", "diffusion_models"),
        (("blocks.0.cross_attn.q.weight",), "diffusion", "wan-2.1", "diffusion_models"),
        (
            ("transformer_blocks.0.img_mlp.net.0.weight",),
            "diffusion",
            "qwen-image",
            "diffusion_models",
        ),
        (VAE, "vae", None, "vae"),
        (TEXT_ENCODER, "text_encoder", None, "text_encoders"),
        (("vision_model.embeddings.weight",), "clip_vision", None, "clip_vision"),
        (("control_model.input_blocks.0.weight",), "controlnet", None, "controlnet"),
        (("emb_params",), "embedding", None, "embeddings"),
        (("body.0.rdb1.conv1.weight",), "upscaler", None, "upscale_models"),
        (("something.else",), None, None, None),
        (("model.diffusion_model.double_blocks.0.weight",), None, "flux-1", None),
    ],
)
def test_kind_and_base_model_are_read_from_the_tensors(
    tmp_path: Path, tensors: tuple[str, ...], kind: str | None, family: str | None, folder: Any
) -> None:
    found = facts(tmp_path, safetensors(tensors), "configs_of_nobody")
    assert (found.kind, found.family, found.belongs_in) == (kind, family, None)
    wrong = "vae" if folder != "vae" else "loras"
    assert facts(tmp_path, safetensors(tensors), wrong).belongs_in == folder
    if folder is not None:
        assert facts(tmp_path, safetensors(tensors), folder).belongs_in is None


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"modelspec.trigger_phrase": "anna style, Anna style,  glow ,"},
         ("anna style", "Anna style", "glow")),
        ({"ss_tag_frequency": '{"a": {"x": 10, "y": 5, "z": 4}, "b": {"y": 4}}'}, ("x", "y")),
        ({"ss_tag_frequency": "not json"}, ()),
        ({"ss_tag_frequency": '{"a": [1], "b": {"x": "many"}}'}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_trigger_words_are_those_that_the_header_names_or_the_captions_had(
    tmp_path: Path, metadata: dict[str, str], words: tuple[str, ...]
) -> None:
    assert facts(tmp_path, safetensors(LORA, metadata), "loras").trigger_words == words


def test_a_language_model_and_a_diffusion_model_are_both_gguf(tmp_path: Path) -> None:
    llm = facts(tmp_path, gguf({"general.architecture": "gemma3"}), "llm", "a.gguf")
    assert (llm.kind, llm.family, llm.belongs_in) == ("llm", "gemma-3", None)
    flux = facts(tmp_path, gguf({"general.architecture": "flux"}), "llm", "b.gguf")
    assert (flux.kind, flux.belongs_in) == ("diffusion", "diffusion_models")
    encoder = facts(tmp_path, gguf({"general.architecture": "llama"}), "text_encoders", "c.gguf")
    assert encoder.belongs_in is None


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b"[]", "not_a_model"),
        (b'{"a": 1}', "not_a_model"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 0]}}', "not_a_model"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}', "not_a_model"),
        (b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}', "not_a_model"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4e9]}}', "not_a_model"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 9999]}}', "truncated"),
        (b"{" * 50_000, "not_a_model"),
    ],
)
def test_a_header_is_believed_only_within_its_file(
    tmp_path: Path, header: bytes, fault: str
) -> None:
    path = put(tmp_path / "x.safetensors", struct.pack("<Q", len(header)) + header)
    with pytest.raises(BadHeader) as bad:
        read_header(path)
    assert bad.value.fault == fault


@pytest.mark.parametrize(
    "rest",
    [
        struct.pack("<IQQ", 9, 0, 0),
        struct.pack("<IQQ", 3, 1 << 60, 0),
        struct.pack("<IQQ", 3, 0, 1 << 60),
        struct.pack("<IQQQ", 3, 0, 1, 1 << 62),
        struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77),
        struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 77, 1),
    ],
)
def test_a_hostile_gguf_header_is_refused(tmp_path: Path, rest: bytes) -> None:
    with pytest.raises(BadHeader):
        read_header(put(tmp_path / "x.gguf", b"GGUF" + rest))


def test_a_long_gguf_header_is_read_as_far_as_it_matters(tmp_path: Path) -> None:
    words = b"".join(struct.pack("<Q", 2000) + b"w" * 2000 for _ in range(3000))
    data = gguf({"general.architecture": "qwen3"}).replace(
        struct.pack("<IQQ", 3, 0, 1), struct.pack("<IQQ", 3, 0, 2), 1
    )
    key = b"tokenizer.ggml.tokens"
    data += struct.pack("<Q", len(key)) + key + struct.pack("<IIQ", 9, 8, 3000) + words
    header = read_header(put(tmp_path / "x.gguf", data))
    assert header is not None and header.metadata == {"general.architecture": "qwen3"}
