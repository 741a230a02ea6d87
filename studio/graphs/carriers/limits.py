"""What a file may carry, and whole numbers read from bytes."""

from __future__ import annotations

from typing import Final, Literal, Protocol

MAX_TEXT: Final = 50 * 1024 * 1024
"""Texts longer than this, unpacked, are left alone."""
MAX_PARTS: Final = 100_000
"""A file of more parts than this is not looked through to its end."""

NAMES: Final = frozenset({"prompt", "workflow", "comment"})
"""The names that ComfyUI and its well-known video nodes use."""

Texts = dict[str, str]


class Source(Protocol):
    """A file: its bytes, or what reads only the parts that are looked at."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


def text_in(data: Source, start: int, end: int) -> bytes:
    """The bytes of a text; none if they are too many to be one."""
    return data[start:end] if end - start <= MAX_TEXT else b""


def number(data: Source, at: int, size: int, order: Literal["big", "little"] = "big") -> int:
    """``size`` bytes as a number; where the data has ended, zero."""
    return int.from_bytes(data[at : at + size], order) if at + size <= len(data) else 0


def matters(texts: Texts, name: str) -> bool:
    """Whether a text of this name is wanted, and not there yet."""
    name = name.strip().lower()
    return name in NAMES and name not in texts


def keep(texts: Texts, name: str, value: bytes | str, encoding: str = "utf-8") -> None:
    """Notes the first text of a name that matters."""
    if matters(texts, name) and len(value) <= MAX_TEXT:
        texts[name.strip().lower()] = (
            value if isinstance(value, str) else value.decode(encoding, "replace")
        )
