"""Texts in PNG (tEXt, zTXt, iTXt) and WebP (EXIF)."""

from __future__ import annotations

import zlib
from typing import Final, Literal

from studio.graphs.carriers.limits import (
    MAX_PARTS,
    MAX_TEXT,
    Source,
    Texts,
    keep,
    matters,
    number,
    text_in,
)

PNG: Final = b"\x89PNG\r\n\x1a\n"

_ASCII: Final = 2
_EXIF_BLOCK: Final = 0x8769


def png(data: Source) -> Texts:
    """The text chunks of a PNG; ComfyUI writes ``prompt`` and ``workflow``."""
    texts: Texts = {}
    at = len(PNG)
    for _ in range(MAX_PARTS):
        length, kind = number(data, at, 4), data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IEND" or at + 8 + length > len(data):
            break
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            _text_chunk(texts, kind, text_in(data, at + 8, at + 8 + length))
        at += 12 + length
    return texts


def webp(data: Source) -> Texts:
    """The EXIF of a WebP; ComfyUI writes ``prompt:{...}`` into tags meant for cameras."""
    texts: Texts = {}
    at = 12
    for _ in range(MAX_PARTS):
        length, kind = number(data, at + 4, 4, "little"), data[at : at + 4]
        if len(kind) < 4 or at + 8 + length > len(data):
            break
        if kind == b"EXIF":
            _exif(texts, text_in(data, at + 8, at + 8 + length))
        at += 8 + length + length % 2
    return texts


def _text_chunk(texts: Texts, kind: bytes, body: bytes) -> None:
    keyword, _, rest = body.partition(b"\0")
    name = keyword[:80].decode("latin-1")
    # Each name is unpacked once, so that a small file cannot unpack without end.
    if not matters(texts, name):
        return
    if kind == b"tEXt":
        keep(texts, name, rest, "latin-1")
    elif kind == b"zTXt":
        keep(texts, name, _inflated(rest[1:]), "latin-1")
    else:
        packed = rest[:1] == b"\1"
        _language, _, rest = rest[2:].partition(b"\0")
        _translated, _, text = rest.partition(b"\0")
        keep(texts, name, _inflated(text) if packed else text)


def _inflated(packed: bytes) -> bytes:
    """What was packed; nothing if it is damaged or would be too much."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(packed, MAX_TEXT)
    except zlib.error:
        return b""
    return b"" if unpacker.unconsumed_tail else found


def _exif(texts: Texts, data: bytes) -> None:
    data = data.removeprefix(b"Exif\0\0")
    order: Literal["big", "little"] = "big" if data[:2] == b"MM" else "little"
    waiting = [number(data, 4, 4, order)]
    # Entries may point at the same bytes; what they name together is bounded.
    left = 2 * len(data)
    for start in waiting:
        for index in range(number(data, start, 2, order)):
            at = start + 2 + 12 * index
            if at + 12 > len(data):
                break
            tag, kind = number(data, at, 2, order), number(data, at + 2, 2, order)
            length, place = number(data, at + 4, 4, order), number(data, at + 8, 4, order)
            if tag == _EXIF_BLOCK and len(waiting) == 1:
                waiting.append(place)
            elif kind == _ASCII and 4 < length <= left and place + length <= len(data):
                left -= length
                name, colon, text = data[place : place + length].rstrip(b"\0").partition(b":")
                if colon and len(name) < 20:
                    keep(texts, name.decode("latin-1"), text)
