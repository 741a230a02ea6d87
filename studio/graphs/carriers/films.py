"""Texts in MP4 and its relatives (ISO base media format) and in Matroska and WebM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from studio.graphs.carriers.limits import (
    MAX_PARTS,
    Source,
    Texts,
    keep,
    matters,
    number,
    text_in,
)

_MAX_LEVELS: Final = 8

_COMMENT: Final = b"\xa9cmt"

_SEGMENT: Final = 0x18538067
_TAGS: Final = 0x1254C367
_TAG: Final = 0x7373
_SIMPLE_TAG: Final = 0x67C8
_TAG_NAME: Final = 0x45A3
_TAG_STRING: Final = 0x4487


def mp4(data: Source) -> Texts:
    """The metadata of the whole film: named entries, or the comment that older players show."""
    texts: Texts = {}
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"moov":
            _movie(texts, data, start, end)
    return texts


def matroska(data: Source) -> Texts:
    """The tags of a Matroska or WebM file."""
    texts: Texts = {}
    for segment, start, end in _elements(data, 0, len(data)):
        if segment != _SEGMENT:
            continue
        for element, inner, stop in _elements(data, start, end):
            if element == _TAGS:
                _tags(texts, data, inner, stop, 0)
    return texts


def _boxes(data: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    at = start
    for _ in range(MAX_PARTS):
        size, kind, head = number(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = number(data, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if at + 8 > end or size < head or at + size > end:
            return
        yield kind, at + head, at + size
        at += size


def _movie(texts: Texts, data: Source, start: int, end: int) -> None:
    for kind, inner, stop in _boxes(data, start, end):
        parts = _boxes(data, inner, stop) if kind == b"udta" else ((kind, inner, stop),)
        for part, at, after in parts:
            if part == b"meta":
                # In MP4 four bytes of version come first, in QuickTime none.
                bare = data[at + 4 : at + 8] in (b"hdlr", b"keys", b"ilst")
                _metadata(texts, data, at if bare else at + 4, after)


def _metadata(texts: Texts, data: Source, start: int, end: int) -> None:
    names: list[str] = []
    for kind, inner, stop in _boxes(data, start, end):
        if kind == b"keys":
            names = [
                data[at : min(after, at + 80)].decode("utf-8", "replace")
                for _, at, after in _boxes(data, inner + 8, stop)
            ]
        elif kind == b"ilst":
            for entry, at, after in _boxes(data, inner, stop):
                index = int.from_bytes(entry, "big")
                name = "comment" if entry == _COMMENT else ""
                if 1 <= index <= len(names):
                    name = names[index - 1].rpartition(".")[2]
                for part, value, last in _boxes(data, at, after):
                    if part == b"data" and matters(texts, name):
                        keep(texts, name, text_in(data, value + 8, last))


def _elements(data: Source, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    at = start
    for _ in range(MAX_PARTS):
        kind, at = _variable(data, at, keep_marker=True)
        size, at = _variable(data, at, keep_marker=False)
        if kind < 0 or size == -1 or at > end:
            return
        # A size of all ones means "until the end": live recordings have such.
        stop = end if size == -2 else at + size
        if stop > end:
            return
        yield kind, at, stop
        at = stop


def _variable(data: Source, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length and where it ends; -1 when damaged, -2 when unknown."""
    first = number(data, at, 1)
    length = 9 - first.bit_length()
    if not first or at + length > len(data):
        return -1, at
    value = number(data, at, length)
    if not keep_marker:
        value &= (1 << 7 * length) - 1
        if value == (1 << 7 * length) - 1:
            value = -2
    return value, at + length


def _tags(texts: Texts, data: Source, start: int, end: int, level: int) -> None:
    name, value = "", b""
    for element, inner, stop in _elements(data, start, end):
        if element in (_TAG, _SIMPLE_TAG) and level < _MAX_LEVELS:
            _tags(texts, data, inner, stop, level + 1)
        elif element == _TAG_NAME:
            name = data[inner : min(stop, inner + 80)].decode("utf-8", "replace")
        elif element == _TAG_STRING:
            value = text_in(data, inner, stop)
    if name and value:
        keep(texts, name, value.rstrip(b"\0"))
