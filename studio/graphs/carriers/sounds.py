"""Texts in FLAC (Vorbis comments) and MP3 (ID3 version 2)."""

from __future__ import annotations

from typing import Final

from studio.graphs.carriers.limits import MAX_PARTS, Source, Texts, keep, number, text_in

_VORBIS_COMMENT: Final = 4
_ENCODINGS: Final = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}


def flac(data: Source) -> Texts:
    """The comments of a FLAC file: ``prompt={...}``."""
    texts: Texts = {}
    at = 4
    for _ in range(MAX_PARTS):
        if at + 4 > len(data):
            break
        head, length = number(data, at, 1), number(data, at + 1, 3)
        if head & 0x7F == _VORBIS_COMMENT:
            _comments(texts, data[at + 4 : at + 4 + length])
        at += 4 + length
        if head & 0x80:
            break
    return texts


def mp3(data: Source) -> Texts:
    """The free texts (TXXX) of an MP3's ID3 tag, where FFmpeg puts what has no frame of its own."""
    texts: Texts = {}
    version, end = number(data, 3, 1), min(len(data), 10 + _synchsafe(data, 6))
    at = 10
    while at + 10 <= end:
        size = _synchsafe(data, at + 4) if version >= 4 else number(data, at + 4, 4)
        if size <= 0 or at + 10 + size > end:
            break
        if data[at : at + 4] == b"TXXX":
            body = text_in(data, at + 10, at + 10 + size)
            text = body[1:].decode(_ENCODINGS.get(number(body, 0, 1), "latin-1"), "replace")
            name, zero, value = text.partition("\0")
            if zero:
                # With two-byte characters the value may begin with a mark of its own.
                keep(texts, name[:80], value.lstrip("\ufeff").rstrip("\0"))
        at += 10 + size
    return texts


def _comments(texts: Texts, data: bytes) -> None:
    at = 4 + number(data, 0, 4, "little")
    count = number(data, at, 4, "little")
    at += 4
    for _ in range(min(count, MAX_PARTS)):
        length = number(data, at, 4, "little")
        if at + 4 + length > len(data):
            break
        name, equals, value = data[at + 4 : at + 4 + length].partition(b"=")
        if equals:
            keep(texts, name[:80].decode("ascii", "replace"), value)
        at += 4 + length


def _synchsafe(data: Source, at: int) -> int:
    """Four bytes of seven bits each."""
    value = 0
    for byte in data[at : at + 4]:
        value = value << 7 | byte & 0x7F
    return value
