"""What is no model is known by its bytes, whatever its name; a model is let through."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from studio.errors import NotAModel, PickleRefused, StudioError
from studio.services.model_checks import check_model
from tests.fakes.download_rig import safetensors


def tensors(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(start: int, stop: int, shape: list[int], dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def gguf(
    *, version: int = 3, tensors: int = 1, values: int = 2, offset: int = 0, data: int = 64
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, values)
    head += text(b"general.alignment") + struct.pack("<II", 4, 32)
    head += text(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b")
    head += text(b"w") + struct.pack("<IQIQ", 1, 16, 0, offset)
    return head + bytes(-len(head) % 32) + bytes(data)


def zipped(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, b"x")
    return made.getvalue()


def judge(folder: Path, name: str, content: bytes, *, allow_pickle: bool = False) -> None:
    path = folder / "file.part"
    path.write_bytes(content)
    check_model(path, name, allow_pickle=allow_pickle)


GOOD = [
    ("a.safetensors", safetensors(1000, 1)),
    ("a.SFT", safetensors(1000, 1)),
    (
        "a.safetensors",
        tensors({"__metadata__": {"a": "b"}, "w": tensor(0, 4, [2], "F16")}, b"1234"),
    ),
    ("a.safetensors", tensors({"b": tensor(2, 4, [2]), "a": tensor(0, 2, [2])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(0, 3, [6], "F4_OF_LATER")}, b"123")),
    ("a.safetensors", tensors({"w": tensor(0, 0, [0, 5])})),
    ("a.gguf", gguf()),
    ("a.gguf", gguf(version=2)),
    ("a.onnx", b"\x08\x07\x12\x07pytorch"),
    ("a.json", b'{"a": 1}'),
    ("a.txt", b"words"),
]


@pytest.mark.parametrize(("name", "content"), GOOD)
def test_a_model_is_let_through(tmp_path: Path, name: str, content: bytes) -> None:
    judge(tmp_path, name, content)
    assert (tmp_path / "file.part").read_bytes() == content


BAD = [
    ("a.safetensors", b""),
    ("a.safetensors", b"1234567"),
    ("a.safetensors", tensors({}, length=2**63)),
    ("a.safetensors", tensors({}, length=2**64 - 1)),
    ("a.safetensors", tensors({}, length=100_000)),
    ("a.safetensors", tensors(b"{not json")),
    ("a.safetensors", tensors([])),
    ("a.safetensors", tensors({"__metadata__": 5})),
    ("a.safetensors", tensors({"w": 5})),
    ("a.safetensors", tensors({"w": tensor(0, 2**63, [2**63])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(0, 8, [8])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(0, 2, [2])}, b"1234")),
    ("a.safetensors", tensors({"a": tensor(0, 3, [3]), "b": tensor(2, 4, [2])}, b"1234")),
    ("a.safetensors", tensors({"a": tensor(0, 1, [1]), "b": tensor(2, 4, [2])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(-4, 4, [8])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(4, 0, [4])}, b"1234")),
    ("a.safetensors", tensors({"w": tensor(0, 4, [3])}, b"1234")),
    ("a.safetensors", tensors({"w": {**tensor(0, 4, [4]), "shape": [True]}}, b"1234")),
    ("a.safetensors", pickle.dumps({"a": list(range(100))})),
    ("a.safetensors", zipped("archive/data.pkl")),
    ("a.safetensors", b"<!DOCTYPE html><html></html>"),
    ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"),
    ("a.gguf", b""),
    ("a.gguf", b"GGML" + bytes(100)),
    ("a.gguf", gguf()[:50]),
    ("a.gguf", gguf(version=9)),
    ("a.gguf", gguf(tensors=2**62)),
    ("a.gguf", gguf(values=2**62)),
    ("a.gguf", gguf(values=50)),
    ("a.gguf", gguf(offset=64)),
    ("a.gguf", gguf(offset=2**63)),
    ("a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63)),
    ("a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"k") + struct.pack("<I", 77)),
    ("a.json", b"  <html>"),
    ("a.exe", b"MZ"),
    ("a", b"x"),
]


@pytest.mark.parametrize(("name", "content"), BAD)
def test_what_is_no_model_is_refused_even_with_the_owners_word(
    tmp_path: Path, name: str, content: bytes
) -> None:
    for allow_pickle in (False, True):
        with pytest.raises(NotAModel):
            judge(tmp_path, name, content, allow_pickle=allow_pickle)


PICKLES = [
    ("a.ckpt", pickle.dumps([1])),
    ("a.PT", zipped("archive/data.pkl")),
    ("a.bin", b"anything"),
    ("a.onnx", pickle.dumps([1])),
    ("a.onnx", zipped("x/data.PKL")),
    ("a.txt", pickle.dumps([1], protocol=2)),
    ("a.onnx", b"PK\x03\x04broken"),
]


@pytest.mark.parametrize(("name", "content"), PICKLES)
def test_a_pickle_under_any_name_needs_the_owners_word(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(PickleRefused):
        judge(tmp_path, name, content)
    judge(tmp_path, name, content, allow_pickle=True)


def test_a_deep_list_in_a_gguf_head_ends(tmp_path: Path) -> None:
    deep = b"".join(struct.pack("<IQ", 9, 1) for _ in range(50)) + struct.pack("<IQ", 4, 0)
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"k") + struct.pack("<I", 9) + deep
    with pytest.raises(StudioError, match="too large"):
        judge(tmp_path, "a.gguf", content)
