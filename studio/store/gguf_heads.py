"""The head of a GGUF file, read strictly: llama.cpp, which trusts what it reads, comes after this.

Every count, length, offset and size is held against the file before it is believed. What passes is
laid out as llama.cpp's own writers do it; that it is harmless nobody can tell.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

MAX_HEAD: Final = 128 << 20
"""Bytes before the tensors; those of the largest vocabularies are some twenty millions."""
MAX_ENTRIES: Final = 100_000
MAX_KEY: Final = 65_535
MAX_TEXT: Final = 16 << 20
MAX_TEMPLATE: Final = 1 << 20
MAX_WORDS: Final = 4_000_000
_MOST_NAME: Final = 63
_MOST_DIMENSIONS: Final = 4
_MOST_ELEMENTS: Final = 1 << 48
_MOST_ALIGNMENT: Final = 65_536
_KEPT: Final = 4096
"""Of a list or text that is kept; longer ones are words, their scores, and templates."""
_MOST_KEPT: Final = 1 << 20
"""Bytes of names, texts and lists that are kept altogether."""
_NUMBER_BYTES: Final = 32
_BUFFER: Final = 1 << 20
_TEXT_KIND: Final = 8
_LIST_KIND: Final = 9
_NUMBERS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TENSOR_TYPES: Final[Mapping[int, tuple[int, int]]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip
"""Of each number format: the elements of a block, and its bytes."""
_TEMPLATE: Final = "tokenizer.chat_template"
_ARCHITECTURE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_PROJECTORS: Final = frozenset({"clip", "mmproj"})


class BadGguf(Exception):
    """The file does not hold together; the message says where."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """What can be told of how a chat becomes a text, without running it.

    ``takes_tools`` and ``takes_system`` say whether it speaks of tools and of the system's message.
    """

    takes_tools: bool = False
    takes_system: bool = False

    @classmethod
    def of(cls, template: str) -> ChatTemplate:
        """Judge one by its words."""
        return cls(
            takes_tools="tools" in template,
            # Those that cannot have one say so, in the message that refuses it.
            takes_system="system" in template and "system role not" not in template.lower(),
        )


@dataclass(frozen=True, slots=True)
class GgufHead:
    """What a head says. ``values`` are numbers, short texts and lists; long lists are lengths."""

    architecture: str
    values: Mapping[str, Any]
    tensor_bytes: int
    words: int
    """Of its vocabulary."""
    lists: Mapping[str, int] = field(default_factory=dict)
    template: ChatTemplate | None = None
    """``None`` when it has none."""

    @property
    def is_projector(self) -> bool:
        """It is the eyes of another model."""
        return self.architecture in _PROJECTORS

    def number(self, name: str) -> int:
        """A whole number of its architecture, of a list the largest; 0 when it says none."""
        value = self.values.get(f"{self.architecture}.{name}")
        found = max(value, default=0) if isinstance(value, tuple) else value
        return found if type(found) is int and found > 0 else 0

    def numbers(self, name: str, count: int) -> tuple[int, ...]:
        """A number for each layer."""
        value = self.values.get(f"{self.architecture}.{name}")
        if isinstance(value, tuple) and len(value) >= count:
            return tuple(each if type(each) is int and each > 0 else 0 for each in value[:count])
        return (self.number(name),) * count


def read_gguf(path: Path) -> GgufHead:
    """Judge a file's head.

    Raises:
        BadGguf: it does not hold together.
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=_BUFFER) as file:
        return _read(_Reader(file, path.stat().st_size))


def _read(head: _Reader) -> GgufHead:
    if head.bytes(4) != b"GGUF":
        raise BadGguf("That is no GGUF file.")
    if head.number("I") not in (2, 3):
        raise BadGguf("That is no version of GGUF that is known.")
    tensors, entries = head.number("Q"), head.number("Q")
    if not 0 < tensors <= MAX_ENTRIES or not 0 < entries <= MAX_ENTRIES:
        raise BadGguf("It says that it has no tensors or values, or far too many.")
    values: dict[str, Any] = {}
    lists: dict[str, int] = {}
    template = None
    for _ in range(entries):
        key = head.text(MAX_KEY)
        if not key or key in values:
            raise BadGguf("A value has no name, or that of another.")
        if not head.keeps(len(key) * 4):
            raise BadGguf("The names of its values are far too long.")
        most = MAX_TEMPLATE if key.startswith(_TEMPLATE) else MAX_TEXT
        kind = head.number("I")
        if key == _TEMPLATE and kind == _TEXT_KIND:
            template = ChatTemplate.of(head.text(most))
            values[key] = _Long(0, is_list=False)
            continue
        values[key] = head.value(kind, most)
        if isinstance(values[key], _Long) and values[key].is_list:
            lists[key] = values[key].length
    parts = values.get("split.count")
    if type(parts) is int and parts > 1:
        raise BadGguf("It is one part of several; join them first.")
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not _ARCHITECTURE.fullmatch(architecture):
        raise BadGguf("It does not say what kind of model it is.")
    alignment = values.get("general.alignment", 32)
    if (
        type(alignment) is not int
        or not 8 <= alignment <= _MOST_ALIGNMENT
        or alignment & (alignment - 1)
    ):
        raise BadGguf("Its alignment is not possible.")
    total = _tensors(head, tensors, alignment)
    start = -(-head.position // alignment) * alignment
    if start + total > head.size:
        raise BadGguf("The file is shorter than its tensors.")
    kept = {key: value for key, value in values.items() if not isinstance(value, _Long)}
    words = values.get("tokenizer.ggml.tokens")
    count = words.length if isinstance(words, _Long) else 0
    return GgufHead(architecture, kept, total, count, lists, template)


def _tensors(head: _Reader, count: int, alignment: int) -> int:
    """The bytes of all tensors, which lie one after another."""
    names = set()
    end = 0
    for _ in range(count):
        name = head.text(_MOST_NAME)
        if not name or name in names:
            raise BadGguf("A tensor has no name, or that of another.")
        names.add(name)
        dimensions = head.number("I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise BadGguf(f"The tensor {name[:60]!r} has {dimensions} dimensions.")
        shape = [head.number("Q") for _ in range(dimensions)]
        elements = 1
        for length in shape:
            elements *= length
            if not 1 <= length <= _MOST_ELEMENTS or elements > _MOST_ELEMENTS:
                raise BadGguf(f"The tensor {name[:60]!r} has a size that is not possible.")
        kind = head.number("I")
        if kind not in _TENSOR_TYPES:
            raise BadGguf(f"The tensor {name[:60]!r} has a number format that nobody knows.")
        block, width = _TENSOR_TYPES[kind]
        if shape[0] % block:
            raise BadGguf(f"The tensor {name[:60]!r} has rows that are no whole blocks.")
        if head.number("Q") != end:
            raise BadGguf(f"The tensor {name[:60]!r} does not follow the one before it.")
        size = elements // block * width
        end += -(-size // alignment) * alignment
    return end - (-size % alignment)


@dataclass(frozen=True, slots=True)
class _Long:
    """A list or text that was passed over."""

    length: int
    is_list: bool = True


class _Reader:
    """Reads on through a head; nothing is read that the file cannot have."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.position = 0
        self._words = 0
        self._kept = 0

    def keeps(self, count: int) -> bool:
        """Whether so many bytes more may be kept; if so they count."""
        fits = self._kept + count <= _MOST_KEPT
        self._kept += count if fits else 0
        return fits

    def bytes(self, count: int) -> bytes:
        self._require(count)
        data = self._file.read(count)
        if len(data) < count:
            raise BadGguf("The file became shorter.")
        self.position += count
        return data

    def skip(self, count: int) -> None:
        """Pass over bytes; nobody looks at them."""
        self._require(count)
        self._file.seek(count, os.SEEK_CUR)
        self.position += count

    def _require(self, count: int) -> None:
        if count > self.size - self.position:
            raise BadGguf("Its head is longer than the file.")
        if count > MAX_HEAD - self.position:
            raise BadGguf("Its head is far too long.")

    def number(self, form: str) -> int:
        found: int = struct.unpack(f"<{form}", self.bytes(struct.calcsize(f"<{form}")))[0]
        return found

    def text(self, most: int) -> str:
        return self.bytes(self._length(most)).decode("utf-8", "replace")

    def _length(self, most: int) -> int:
        length = self.number("Q")
        if length > most:
            raise BadGguf("A text in its head is far too long.")
        return length

    def _text(self, most: int) -> str | _Long:
        length = self._length(most)
        if length <= _KEPT and self.keeps(length * 4):
            return self.bytes(length).decode("utf-8", "replace")
        self.skip(length)
        return _Long(length, is_list=False)

    def value(self, kind: int, most: int) -> Any:
        if kind == _TEXT_KIND:
            return self._text(most)
        if kind == _LIST_KIND:
            return self._list()
        if kind not in _NUMBERS:
            raise BadGguf("Its head holds a value of no known kind.")
        form = _NUMBERS[kind]
        if form == "?":
            return self.number("B") != 0
        return self.number(form)

    def _list(self) -> tuple[Any, ...] | _Long:
        inner, count = self.number("I"), self.number("Q")
        if inner == _TEXT_KIND:
            self._words += count
            if self._words > MAX_WORDS:
                raise BadGguf("Its head has far too many texts.")
            for _ in range(count):
                self.skip(self._length(MAX_TEXT))
            return _Long(count)
        if inner not in _NUMBERS:
            raise BadGguf("Its head holds a list of no known kind.")
        form = _NUMBERS[inner].replace("?", "B")
        width = struct.calcsize(f"<{form}")
        if count > (self.size - self.position) // width:
            raise BadGguf("A list in its head is longer than the file.")
        if count <= _KEPT and self.keeps(count * _NUMBER_BYTES):
            return struct.unpack(f"<{count}{form}", self.bytes(count * width))
        self.skip(count * width)
        return _Long(count)
