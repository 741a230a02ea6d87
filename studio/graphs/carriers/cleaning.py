"""Files without what they carry about themselves: the same pixels and frames, none of the words.

Nothing is decoded and nothing moves. What is no picture or sound is overwritten where it stands, so
a file keeps its length, and any part of it can be sent by itself.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from studio.graphs.carriers.limits import MAX_PARTS, Source, number
from studio.graphs.carriers.pictures import PNG

Patch = tuple[int, bytes]
"""Where in the file, and what stands there instead."""
MAX_BYTES: Final = 16 << 20
"""Who has more to overwrite than this gets nothing: it is held in memory for every reader."""
MAX_DEPTH: Final = 16
"""Boxes within boxes; honest films have six or so."""
_PATCH_BYTES: Final = 128
"""What a patch weighs beside its bytes."""

_PNG_KEPT: Final = frozenset(
    {
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB",
        b"cICP", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
    }
)  # fmt: skip
_PNG_PADDING: Final = b"paDd"
"""Lower case in the right places: a private chunk that any reader may pass over."""
_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"ICCP"})
_WEBP_FLAGS: Final = 0x08 | 0x04
"""Bits of VP8X: there is EXIF, there is XMP."""
_GIF_KEPT: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_JPEG_KEPT: Final = {0xE0: b"", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_EXIF_HEAD: Final = b"Exif\0\0"
_ORIENTATION: Final = 0x0112
_STILL_BRANDS: Final = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_MP4_FOLDERS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"moof", b"traf"})
_MP4_WORDS: Final = frozenset({b"udta", b"meta", b"uuid", b"free", b"skip"})
_SEGMENT: Final = 0x18538067
_INFO: Final = 0x1549A966
_MATROSKA_WORDS: Final = frozenset({0x1254C367, 0x1941A469, 0x7BA9})
"""Tags, attachments, the title."""
_FLAC_WORDS: Final = frozenset({2, 4, 6})
"""What an application left, comments, a cover."""


class _DamagedError(Exception):
    """The file does not keep to its format or to any measure, so it cannot be cleaned."""


def cleaning(data: Source) -> Sequence[Patch] | None:
    """What to overwrite; ``None`` for a file of a kind, or in a state, that cannot be cleaned."""
    for at, signature, find in _FINDERS:
        if data[at : at + len(signature)] == signature:
            try:
                return _measured(find(data))
            except _DamagedError:
                return None
    return None


def _measured(patches: Iterator[Patch]) -> list[Patch]:
    kept, size = [], 0
    for patch in patches:
        size += len(patch[1]) + _PATCH_BYTES
        if size > MAX_BYTES:
            raise _DamagedError
        kept.append(patch)
    return kept


def _blank(length: int) -> bytes:
    """So many zeros, if that is not too many: a file may say that it holds gigabytes of words."""
    if length > MAX_BYTES:
        raise _DamagedError
    return bytes(length)


def _zeros(start: int, end: int) -> Iterator[Patch]:
    if end > start:
        yield start, _blank(end - start)


def _png(data: Source) -> Iterator[Patch]:
    at = len(PNG)
    for _ in range(MAX_PARTS):
        length, kind = number(data, at, 4), data[at + 4 : at + 8]
        if len(kind) < 4 or at + 12 + length > len(data):
            raise _DamagedError
        if kind not in _PNG_KEPT:
            body = _PNG_PADDING + _blank(length)
            yield at + 4, body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
        if kind == b"IEND":
            yield from _zeros(at, len(data))
            return
    raise _DamagedError


def _webp(data: Source) -> Iterator[Patch]:
    end, at = 8 + number(data, 4, 4, "little"), 12
    if end > len(data):
        raise _DamagedError
    for _ in range(MAX_PARTS):
        if at >= end:
            yield from _zeros(end, len(data))
            return
        kind, length = data[at : at + 4], number(data, at + 4, 4, "little")
        if at + 8 + length > end:
            raise _DamagedError
        if kind == b"VP8X":
            yield at + 8, bytes([number(data, at + 8, 1) & ~_WEBP_FLAGS])
        elif kind not in _WEBP_KEPT:
            yield at, b"JUNK"
            yield from _zeros(at + 8, at + 8 + length)
        at += 8 + length + length % 2
    raise _DamagedError


def _jpeg(data: Source) -> Iterator[Patch]:
    at = 2
    for _ in range(MAX_PARTS):
        if data[at : at + 1] != b"\xff":
            raise _DamagedError
        marker, length = number(data, at + 1, 1), number(data, at + 2, 2)
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            yield from _zeros(at + 2, len(data))
            return
        if length < 2 or at + 2 + length > len(data):
            raise _DamagedError
        body = data[at + 4 : at + 2 + length]
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not (
            marker in _JPEG_KEPT and body.startswith(_JPEG_KEPT[marker])
        ):
            yield from _segment(at, marker, body)
        at += 2 + length
        if marker == 0xDA:
            found = _JPEG_SCAN_END.search(data[at : len(data)])
            if found is None:
                raise _DamagedError
            at += found.start()
    raise _DamagedError


def _segment(at: int, marker: int, body: bytes) -> Iterator[Patch]:
    """A segment without its words; a photograph stays as upright as it was."""
    upright = _orientation(body) if marker == 0xE1 else b""
    upright = upright if len(upright) <= len(body) else b""
    yield at + 1, b"\xe1" if upright else b"\xfe"
    yield at + 4, upright.ljust(len(body), b"\0")


def _orientation(body: bytes) -> bytes:
    """An EXIF block that says how the camera was held, and nothing else; empty without."""
    tiff = body[len(_EXIF_HEAD) :]
    if not body.startswith(_EXIF_HEAD) or tiff[:2] not in (b"MM", b"II"):
        return b""
    byte_order: Literal["big", "little"] = "big" if tiff[:2] == b"MM" else "little"

    def read(start: int, size: int) -> int:
        return number(tiff, start, size, byte_order)

    first = read(4, 4)
    for index in range(min(read(first, 2), 200)):
        entry = first + 2 + 12 * index
        if read(entry, 2) == _ORIENTATION and 2 <= read(entry + 8, 2) <= 8:
            said = b"\x01\x12\x00\x03\x00\x00\x00\x01" + read(entry + 8, 2).to_bytes(2, "big")
            return _EXIF_HEAD + b"MM\0*\0\0\0\x08\0\x01" + said + bytes(6)
    return b""


def _gif(data: Source) -> Iterator[Patch]:
    flags = number(data, 10, 1)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(MAX_PARTS):
        kind, label = number(data, at, 1), number(data, at + 1, 1)
        if kind == 0x3B:
            yield from _zeros(at + 1, len(data))
            return
        if kind == 0x2C:
            flags = number(data, at + 9, 1)
            at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            at = _blocks(data, at)[-1][1] + 1
        elif kind == 0x21:
            blocks = _blocks(data, at + 2)
            wanted = label == 0xF9 or data[blocks[0][0] : blocks[0][1]] in _GIF_KEPT
            for start, end in () if wanted else blocks:
                yield from _zeros(start, end)
            at = blocks[-1][1] + 1
        else:
            raise _DamagedError
    raise _DamagedError


def _blocks(data: Source, at: int) -> list[tuple[int, int]]:
    """Where each of a row of sub-blocks begins and ends; a zero follows the last one."""
    found = [(at, at)]
    while length := number(data, at, 1):
        if at + 1 + length >= len(data):
            raise _DamagedError
        found.append((at + 1, at + 1 + length))
        at += 1 + length
    return found[1:] or found


def _mp4(data: Source) -> Iterator[Patch]:
    if data[8:12] in _STILL_BRANDS:
        raise _DamagedError
    yield from _mp4_boxes(data, 0, len(data))


def _mp4_boxes(data: Source, at: int, end: int, depth: int = 0) -> Iterator[Patch]:
    if depth > MAX_DEPTH:
        raise _DamagedError
    for _ in range(MAX_PARTS):
        if at == end:
            return
        size, kind, head = number(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = number(data, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise _DamagedError
        if kind in _MP4_FOLDERS:
            yield from _mp4_boxes(data, at + head, at + size, depth + 1)
        elif kind in _MP4_WORDS:
            yield at + 4, b"free"
            yield from _zeros(at + head, at + size)
        at += size
    raise _DamagedError


def _matroska(data: Source) -> Iterator[Patch]:
    yield from _elements(data, 0, len(data))


def _elements(data: Source, at: int, end: int, depth: int = 0) -> Iterator[Patch]:
    if depth > MAX_DEPTH:
        raise _DamagedError
    for _ in range(MAX_PARTS):
        if at == end:
            return
        start = at
        kind, at = _variable(data, at, keep_marker=True)
        size, at = _variable(data, at, keep_marker=False)
        if size is None and kind == _SEGMENT:
            size = end - at
        if kind is None or size is None or at + size > end:
            raise _DamagedError
        if kind in (_SEGMENT, _INFO):
            yield from _elements(data, at, at + size, depth + 1)
        elif kind in _MATROSKA_WORDS:
            yield start, _void(at + size - start)
        at += size
    raise _DamagedError


def _void(length: int) -> bytes:
    """An element of this length that says nothing."""
    if length < 10:
        return b"\xec" + bytes([0x80 | length - 2]) + _blank(length - 2)
    return b"\xec\x01" + (length - 9).to_bytes(7, "big") + _blank(length - 9)


def _variable(data: Source, at: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """A number of variable length and where it ends; ``None`` when it is left open."""
    first = number(data, at, 1)
    length = 9 - first.bit_length()
    if not first or at + length > len(data):
        raise _DamagedError
    value = number(data, at, length)
    if not keep_marker:
        value &= (1 << 7 * length) - 1
        if value == (1 << 7 * length) - 1:
            return None, at + length
    return value, at + length


def _flac(data: Source) -> Iterator[Patch]:
    at = 4
    for _ in range(MAX_PARTS):
        head, length = number(data, at, 1), number(data, at + 1, 3)
        if at + 4 + length > len(data):
            raise _DamagedError
        if head & 0x7F in _FLAC_WORDS:
            yield at, bytes([head & 0x80 | 1])
            yield from _zeros(at + 4, at + 4 + length)
        at += 4 + length
        if head & 0x80:
            return
    raise _DamagedError


_FINDERS: Final[tuple[tuple[int, bytes, Callable[[Source], Iterator[Patch]]], ...]] = (
    (0, PNG, _png),
    (8, b"WEBP", _webp),
    (0, b"\xff\xd8\xff", _jpeg),
    (0, b"GIF8", _gif),
    (4, b"ftyp", _mp4),
    (0, b"\x1a\x45\xdf\xa3", _matroska),
    (0, b"fLaC", _flac),
)
