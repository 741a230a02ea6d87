"""Whether a file is the kind of model that its name says, judged by its bytes before it is offered.

Formats that can run code when they are loaded need the owner's word, under whatever name they come.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from studio.errors import NotAModel, PickleRefused

SAFE: Final = frozenset({".safetensors", ".sft", ".gguf", ".onnx"})
BESIDE: Final = frozenset(
    {".json", ".yaml", ".yml", ".txt", ".model", ".tiktoken", ".jinja", ".vocab", ".md"}
)
"""What comes with some models: settings and vocabularies."""
PICKLES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
_MAX_HEADER: Final = 32 << 20
_HEAD: Final = 512
_MAX_TENSORS: Final = 100_000
_MAX_DIMENSIONS: Final = 16
_WIDTHS: Final[Mapping[str, int]] = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
"""Bytes of one number; of other kinds only the place is judged."""


def check_name(name: str, *, allow_pickle: bool) -> None:
    """Refuse a name whose kind of file could not be published anyway.

    Raises:
        PickleRefused: it is one of those that run code, and nobody allowed it.
        NotAModel: it is no kind of model.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in PICKLES:
        if not allow_pickle:
            raise _pickle(name)
    elif suffix not in SAFE | BESIDE:
        raise NotAModel(
            f"{suffix or 'A name without an ending'} is no kind of model that is known.",
            details={"name": name[:200]},
        )


def check_model(path: Path, name: str, *, allow_pickle: bool) -> None:
    """Judge a whole file; blocks.

    Args:
        path: where it is.
        name: what it will be called.

    Raises:
        PickleRefused: it can run code when it is loaded, and nobody allowed it.
        NotAModel: it is something else than its name says.
    """
    check_name(name, allow_pickle=allow_pickle)
    suffix = PurePosixPath(name).suffix.lower()
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        _require_no_page(head)
        if suffix in (".safetensors", ".sft"):
            check_safetensors(file, size)
        elif suffix == ".gguf":
            check_gguf(file, size)
        elif not allow_pickle and _is_pickle(path, head):
            raise _pickle(name)


def _pickle(name: str) -> PickleRefused:
    return PickleRefused(
        "Files of this kind can run code when they are loaded. The owner can allow this one.",
        details={"name": name[:200]},
    )


def refused_to_job(name: str, **where: object) -> PickleRefused:
    """A file that a job names by its address, and that can run code: nobody can allow that one."""
    return PickleRefused(
        f"{name[:200]} is of a kind that can run code when it is loaded: a job fetches none of"
        " these. Name a .safetensors file, or let the owner add it to the models.",
        details={"name": name[:200], **where},
    )


def _require_no_page(head: bytes) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")):
        raise NotAModel("That is a web page, not a model.")
    if text.startswith(b"version https://git-lfs"):
        raise NotAModel("That is a pointer of Git LFS, not the model itself.")


def _is_pickle(path: Path, head: bytes) -> bool:
    if len(head) > 1 and head[0] == 0x80 and head[1] <= 5:
        return True
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(one.lower().endswith((".pkl", ".pickle")) for one in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        # An archive that cannot be read is nothing that a model would be.
        return True


# -- safetensors ----------------------------------------------------------------------------------


def check_safetensors(file: BufferedReader, size: int) -> None:
    """Judge the header, as the format's own library does: tensors fill the file without a gap.

    Raises:
        NotAModel: it does not hold together.
    """
    file.seek(0)
    prefix = file.read(8)
    if len(prefix) < 8:
        raise NotAModel("The file is too short to be safetensors.")
    (length,) = struct.unpack("<Q", prefix)
    if not 2 <= length <= min(_MAX_HEADER, size - 8):
        raise NotAModel("The header of this file is no header of safetensors.")
    try:
        header = orjson.loads(file.read(length))
    except orjson.JSONDecodeError:
        raise NotAModel("The header of this file cannot be read.") from None
    if not isinstance(header, dict) or len(header) > _MAX_TENSORS:
        raise NotAModel("The header of this file is no header of safetensors.")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise NotAModel("The header of this file is no header of safetensors.")
    places = sorted(_place(tensor) for tensor in header.values())
    end = 0
    for start, stop in places:
        if start != end:
            raise NotAModel("The tensors of this file overlap, or leave gaps.")
        end = stop
    if end != size - 8 - length:
        raise NotAModel("The file is shorter or longer than its tensors.")


def _place(tensor: Any) -> tuple[int, int]:
    try:
        kind, shape, (start, stop) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise NotAModel("A tensor in the header of this file is described wrongly.") from None
    numbers = [start, stop, *shape] if isinstance(shape, list) else [None]
    if (
        not isinstance(kind, str)
        or len(numbers) > _MAX_DIMENSIONS + 2
        or any(type(number) is not int or number < 0 for number in numbers)
        or start > stop
    ):
        raise NotAModel("A tensor in the header of this file is described wrongly.")
    width = _WIDTHS.get(kind)
    if width is not None:
        for count in shape:
            width *= count
        if width != stop - start:
            raise NotAModel("A tensor of this file has not the size of its shape.")
    return start, stop


# -- GGUF -----------------------------------------------------------------------------------------

_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each fixed kind of value."""
_TEXT: Final = 8
_LIST: Final = 9
_MAX_ITEMS: Final = 4_000_000
_MAX_TEXT: Final = 16 << 20


class _Gguf:
    """Reads on through the head of a GGUF file, within its bounds."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file = file
        self._size = size
        self._items = 0

    @property
    def position(self) -> int:
        return self._file.tell()

    def number(self, form: str) -> int:
        width = struct.calcsize(form)
        data = self._file.read(width)
        if len(data) < width:
            raise NotAModel("The head of this GGUF file ends early.")
        value: int = struct.unpack(f"<{form}", data)[0]
        return value

    def text(self) -> bytes:
        length = self.number("Q")
        if length > min(_MAX_TEXT, self._size - self.position):
            raise NotAModel("A text in the head of this GGUF file is longer than the file.")
        return self._file.read(length)

    def skip(self, count: int) -> None:
        if count > self._size - self.position:
            raise NotAModel("A value in the head of this GGUF file is longer than the file.")
        self._file.seek(count, 1)

    def value(self, kind: int, depth: int = 0) -> int | None:
        """Pass over a value; a whole number of 32 bits is told."""
        self._items += 1
        if self._items > _MAX_ITEMS or depth > 4:
            raise NotAModel("The head of this GGUF file is too large.")
        if kind == 4:
            return self.number("I")
        if kind in _SIZES:
            self.skip(_SIZES[kind])
        elif kind == _TEXT:
            self.text()
        elif kind == _LIST:
            inner, count = self.number("I"), self.number("Q")
            if inner in _SIZES:
                self.skip(_SIZES[inner] * count)
            elif count > _MAX_ITEMS:
                raise NotAModel("The head of this GGUF file is too large.")
            else:
                for _ in range(count):
                    self.value(inner, depth + 1)
        else:
            raise NotAModel("The head of this GGUF file holds a value of no known kind.")
        return None


def check_gguf(file: BufferedReader, size: int) -> None:
    """Judge the head: every value is readable and every tensor begins inside the file.

    Raises:
        NotAModel: it does not hold together.
    """
    file.seek(0)
    if file.read(4) != b"GGUF":
        raise NotAModel("That is no GGUF file.")
    head = _Gguf(file, size)
    if head.number("I") not in (2, 3):
        raise NotAModel("That is no version of GGUF that is known.")
    tensors, values = head.number("Q"), head.number("Q")
    if tensors > _MAX_TENSORS or values > _MAX_TENSORS:
        raise NotAModel("The head of this GGUF file is too large.")
    alignment = 32
    for _ in range(values):
        key = head.text()
        found = head.value(head.number("I"))
        if key == b"general.alignment" and found:
            alignment = found
    furthest = -1
    for _ in range(tensors):
        head.text()
        dimensions = head.number("I")
        if dimensions > _MAX_DIMENSIONS:
            raise NotAModel("A tensor of this GGUF file is described wrongly.")
        for _ in range(dimensions):
            head.number("Q")
        head.number("I")
        furthest = max(furthest, head.number("Q"))
    data = -(-head.position // alignment) * alignment
    if tensors and data + furthest >= size:
        raise NotAModel("This GGUF file is shorter than its tensors.")
