"""What a file may carry, and whole numbers read from bytes."""

from __future__ import annotations

from typing import Final, Literal

MAX_TEXT: Final = 50 * 1024 * 1024
"""Texts longer than this, unpacked, are left alone."""
MAX_PARTS: Final = 100_000
"""A file of more parts than this is not looked through to its end."""

NAMES: Final = frozenset({"prompt", "workflow", "comment"})
"""The names that ComfyUI and its well-known video nodes use."""

Texts = dict[str, str]


def number(data: bytes, at: int, size: int, order: Literal["big", "little"] = "big") -> int:
    """``size`` bytes as a number; where the data has ended, zero."""
    return int.from_bytes(data[at : at + size], order) if at + size <= len(data) else 0


def keep(texts: Texts, name: str, value: bytes | str, encoding: str = "utf-8") -> None:
    """Notes the first text of a name that matters."""
    name = name.strip().lower()
    if name in NAMES and name not in texts and len(value) <= MAX_TEXT:
        texts[name] = value if isinstance(value, str) else value.decode(encoding, "replace")
