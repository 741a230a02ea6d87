"""The headers of safetensors and GGUF files: what a model says about itself, without its weights.

Nothing is trusted: lengths are bounded before anything is read, and offsets are held against the
size of the file, so a file that was cut short is known by its header alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

MAX_HEADER: Final = 100_000_000
"""What safetensors itself allows."""
MAX_GGUF_READ: Final = 4 * 1024 * 1024
MAX_ENTRIES: Final = 100_000
_GGUF_MAGIC: Final = b"GGUF"
_GGUF_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_GGUF_STRING: Final = 8
_GGUF_ARRAY: Final = 9
_GGUF_NUMBERS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. ``tensors`` are shapes by name; GGUF's are not read."""

    format: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    """The number formats of the tensors, as safetensors names them."""


class BadHeader(Exception):
    """The file is not what its name says; ``fault`` is ``not_a_model`` or ``truncated``."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def read_header(path: Path) -> Header | None:
    """The header of a file; ``None`` for formats that have none.

    Raises:
        BadHeader, OSError.
    """
    name = path.name.lower()
    with path.open("rb") as file:
        if name.endswith((".safetensors", ".sft")):
            return _safetensors(file, path.stat().st_size)
        if name.endswith(".gguf"):
            return _gguf(file)
    return None


def _safetensors(file: BinaryIO, size: int) -> Header:
    start = file.read(8)
    if len(start) < 8:
        raise BadHeader("truncated" if size else "not_a_model")
    length = int.from_bytes(start, "little")
    if not 2 <= length <= MAX_HEADER:
        raise BadHeader("not_a_model")
    if 8 + length > size:
        # What begins like a header and ends too early was one.
        raise BadHeader("truncated" if file.read(1) == b"{" else "not_a_model")
    try:
        content = orjson.loads(file.read(length))
    except orjson.JSONDecodeError:
        raise BadHeader("not_a_model") from None
    if not isinstance(content, dict):
        raise BadHeader("not_a_model")
    given = content.pop("__metadata__", {})
    metadata = given if isinstance(given, dict) else {}
    tensors: dict[str, tuple[int, ...]] = {}
    types = set()
    end = 0
    for name, tensor in content.items():
        shape, offsets, kind = _tensor(tensor)
        tensors[name] = shape
        types.add(kind)
        end = max(end, offsets[1])
    if 8 + length + end > size:
        raise BadHeader("truncated")
    return Header("safetensors", metadata, tensors, frozenset(types))


def _tensor(tensor: object) -> tuple[tuple[int, ...], tuple[int, int], str]:
    if isinstance(tensor, dict):
        shape, offsets, kind = (tensor.get(key) for key in ("shape", "data_offsets", "dtype"))
        if (
            isinstance(shape, list)
            and all(type(part) is int for part in shape)
            and isinstance(offsets, list)
            and len(offsets) == 2
            and all(type(part) is int for part in offsets)
            and 0 <= offsets[0] <= offsets[1]
            and isinstance(kind, str)
        ):
            return tuple(shape), (offsets[0], offsets[1]), kind
    raise BadHeader("not_a_model")


def _gguf(file: BinaryIO) -> Header:
    data = file.read(MAX_GGUF_READ)
    if data[:4] != _GGUF_MAGIC:
        raise BadHeader("not_a_model")
    try:
        version, tensors, entries = struct.unpack_from("<IQQ", data, 4)
        if version not in (2, 3) or tensors > MAX_ENTRIES or entries > MAX_ENTRIES:
            raise BadHeader("not_a_model")
        reader = _Gguf(data, 24)
        metadata = {}
        for _ in range(entries):
            key = reader.text()
            metadata[key] = reader.value(reader.number(4))
    except (struct.error, UnicodeDecodeError):
        raise BadHeader("truncated") from None
    except _Enough:
        # Long lists of words come late; what was read until here is what people ask for.
        return Header("gguf", {key: value for key, value in metadata.items() if value is not None})
    return Header("gguf", {key: value for key, value in metadata.items() if value is not None})


class _Enough(Exception):
    """The header goes on beyond what is read of it."""


class _Gguf:
    """Reads values one after another; lists are passed over."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def _take(self, length: int) -> bytes:
        if self._at + length > len(self._data):
            if len(self._data) < MAX_GGUF_READ:
                raise struct.error
            raise _Enough
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, length: int) -> int:
        return int.from_bytes(self._take(length), "little")

    def text(self) -> str:
        return self._take(self.number(8)).decode()

    def value(self, kind: int) -> Any:
        if kind == _GGUF_STRING:
            return self.text()
        if kind == _GGUF_ARRAY:
            inner, count = self.number(4), self.number(8)
            if inner == _GGUF_STRING:
                for _ in range(count):
                    self._take(self.number(8))
            elif inner in _GGUF_SIZES:
                self._take(_GGUF_SIZES[inner] * count)
            else:
                raise BadHeader("not_a_model")
            return None
        if kind not in _GGUF_NUMBERS:
            raise BadHeader("not_a_model")
        return struct.unpack(_GGUF_NUMBERS[kind], self._take(_GGUF_SIZES[kind]))[0]
