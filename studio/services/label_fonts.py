"""Fonts for labels in pictures: Pillow's own, and those of this machine for what it lacks.

Pillow's has Latin letters only. No font that has everything is small enough to ship, so well-known
ones are looked for where systems keep them.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FOLDERS: Final = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
)
NAMES: Final = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "Arial Unicode.ttf",
    "DejaVuSans.ttf",
    "FreeSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf",
)
"""What is looked for; the first that has the most of a text writes it."""
_NOWHERE: Final = chr(sys.maxunicode)
"""A character that no font has: it looks as all that a font lacks."""
_MOST_FILES: Final = 20_000


def one_line(words: str) -> str:
    """The text as it can be written: one line, and nothing that has no encoding."""
    return " ".join(words.encode("utf-8", "replace").decode().split())


def font_for(words: str, size: int) -> Font:
    """The font that has the most characters of ``words``, Pillow's own if none has more."""
    return max(_fonts(size), key=lambda font: sum(has(font, char) for char in set(words)))


@functools.lru_cache(maxsize=8192)
def has(font: Font, char: str) -> bool:
    """Whether the font can write that character."""
    return char.isspace() or _look(font, char) != _look(font, _NOWHERE)


def _look(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@functools.lru_cache(maxsize=32)
def _fonts(size: int) -> Sequence[Font]:
    fonts: list[Font] = [ImageFont.load_default(size)]
    for path in installed():
        try:
            # Not ``truetype``, which would look for another of that name.
            fonts.append(ImageFont.FreeTypeFont(path, size))
        except OSError:
            # Damaged, or of a kind that this build cannot read: the others do.
            continue
    return tuple(fonts)


@functools.cache
def installed() -> Sequence[Path]:
    """The fonts of ``NAMES`` that this machine has, in that order; looked for once."""
    found: dict[str, Path] = {}
    seen = 0
    for root in FOLDERS:
        for folder, _, files in os.walk(Path(root).expanduser()):
            seen += len(files)
            if seen > _MOST_FILES:
                break
            for name in NAMES:
                if name in files:
                    found.setdefault(name, Path(folder) / name)
    return tuple(found[name] for name in NAMES if name in found)
