"""Files without what they carry: no words are left, and every pixel and frame is."""

from __future__ import annotations

import io
import itertools
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, PngImagePlugin

from studio.graphs.carried import embedded_graphs
from studio.graphs.carriers.cleaning import MAX_BYTES, cleaning

SECRET = b"canary-prompt-5be1"
GRAPH = json.dumps({"1": {"class_type": "KSampler", "inputs": {"text": SECRET.decode()}}})


def cleaned(data: bytes) -> bytes:
    """The file as it is handed out: as long as it was."""
    patches = cleaning(data)
    assert patches is not None
    result = bytearray(data)
    for at, new in patches:
        assert at + len(new) <= len(data)
        result[at : at + len(new)] = new
    assert len(result) == len(data)
    return bytes(result)


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    image.save(out, kind, **options)
    return out.getvalue()


def png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", GRAPH)
    info.add_text("workflow", GRAPH, zip=True)
    info.add_itxt("parameters", GRAPH)
    return saved("PNG", pnginfo=info, exif=exif()) + SECRET


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010F] = f"prompt:{GRAPH}"
    made[0x010E] = SECRET.decode()
    return made


def jpeg() -> bytes:
    return saved("JPEG", exif=exif(), comment=SECRET, progressive=True) + SECRET


def webp() -> bytes:
    return saved("WEBP", exif=exif(), xmp=SECRET)


def gif() -> bytes:
    return saved("GIF", comment=SECRET)


@pytest.mark.parametrize("make", [png, jpeg, webp, gif])
def test_a_cleaned_picture_looks_the_same_and_says_nothing(make: Callable[[], bytes]) -> None:
    data = make()
    assert SECRET in data
    clean = cleaned(data)
    assert SECRET not in clean
    assert embedded_graphs(clean) == (None, None)
    assert pixels(clean) == pixels(data)
    with Image.open(io.BytesIO(clean)) as image:
        assert not {"prompt", "workflow", "parameters", "xmp"} & image.info.keys()
        assert not any(image.info.get("comment", b""))
        assert not set(image.getexif()) - {0x0112}


def test_no_packed_text_is_left_in_a_png() -> None:
    clean = cleaned(png())
    kinds = []
    at = 8
    while at < len(clean) and clean[at + 4 : at + 8].isalpha():
        length, kind = struct.unpack(">I4s", clean[at : at + 8])
        body = clean[at + 4 : at + 8 + length]
        [check] = struct.unpack(">I", clean[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(body)
        kinds.append(kind)
        if kind == b"paDd":
            assert not any(body[4:])
        at += 12 + length
    assert {b"IHDR", b"IDAT", b"IEND", b"paDd"} == set(kinds)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photograph_stays_upright(orientation: int) -> None:
    clean = cleaned(saved("JPEG", exif=exif(orientation)))
    with Image.open(io.BytesIO(clean)) as image:
        assert dict(image.getexif()) == {0x0112: orientation}
    assert SECRET not in clean


def film(folder: Path, suffix: str, codec: str, **options: str) -> bytes:
    path = folder / f"film.{suffix}"
    container: Any
    with av.open(str(path), "w", options=options) as container:
        container.metadata["comment"] = GRAPH
        container.metadata["title"] = SECRET.decode()
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(0, 200, 40):
            image = Image.new("RGB", (64, 48), (shade, 20, 90))
            frame: Any = av.VideoFrame
            container.mux(stream.encode(frame.from_image(image)))
        container.mux(stream.encode())
    return path.read_bytes()


def frames(data: bytes) -> list[bytes]:
    container: Any
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_image().tobytes() for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "mpeg4", {"movflags": "use_metadata_tags"}),
        ("mp4", "mpeg4", {"movflags": "faststart"}),
        ("mov", "mpeg4", {}),
        ("webm", "libvpx", {}),
        ("mkv", "mpeg4", {}),
    ],
)
def test_a_cleaned_film_plays_the_same_and_says_nothing(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str]
) -> None:
    data = film(tmp_path, suffix, codec, **options)
    assert SECRET in data
    clean = cleaned(data)
    assert SECRET not in clean
    assert embedded_graphs(clean) == (None, None)
    assert frames(clean) == frames(data)
    with av.open(io.BytesIO(clean)) as container:
        assert not {"comment", "title", "prompt"} & container.metadata.keys()


def test_what_is_no_known_picture_or_film_is_not_called_clean() -> None:
    assert cleaning(b"") is None
    assert cleaning(b"plain text with " + SECRET) is None
    assert cleaning(b"BM" + bytes(60)) is None
    assert cleaning(saved("TIFF")) is None


@pytest.mark.parametrize("make", [png, jpeg, webp, gif])
def test_a_damaged_picture_is_refused_or_says_nothing(make: Callable[[], bytes]) -> None:
    data = make().removesuffix(SECRET)
    for cut in itertools.chain(range(12, 400, 7), (len(data) - 1, len(data) - 9)):
        assert cleaning(data[:cut]) is None
    for at in range(12, min(len(data), 600), 5):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        patches = cleaning(bytes(changed))
        for start, new in patches or ():
            assert start + len(new) <= len(changed)


class Hollow:
    """A file of a made-up length, of which only its beginning has bytes."""

    def __init__(self, head: bytes, length: int) -> None:
        self._head = head
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> bytes:
        start, end, _ = part.indices(self._length)
        assert end - start < 1000, "only heads are looked at"
        return self._head[start:end].ljust(end - start, b"\0")


FTYP = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)


def test_gigabytes_that_a_file_says_are_words_are_never_held_in_memory() -> None:
    length = 8 << 30
    free = FTYP + struct.pack(">I4sQ", 1, b"free", length - len(FTYP))
    void = b"\x1a\x45\xdf\xa3\x80\x12\x54\xc3\x67\x01" + (length - 17).to_bytes(7, "big")
    riff = b"RIFF" + (2**32 - 8).to_bytes(4, "little") + b"WEBPEXIF"
    long_png = png()[:33] + struct.pack(">I4s", 2**31, b"tEXt")
    for head, size in (
        (free, length),
        (void, length),
        (riff + (2**32 - 20).to_bytes(4, "little"), 2**32),
        (long_png, 2**31 + 100),
    ):
        assert cleaning(Hollow(head, size)) is None
    assert cleaning(Hollow(b"fLaC\x82\x00\x00\x08", 2 * MAX_BYTES)) is not None


def test_many_words_that_are_too_much_together_are_not_held_either() -> None:
    word = struct.pack(">I4s", 8 + (1 << 20), b"free") + bytes(1 << 20)
    assert cleaning(FTYP + word * 15) is not None
    assert cleaning(FTYP + word * 16) is None


@pytest.mark.parametrize("depth", [100, 5000])
def test_boxes_in_boxes_without_end_are_refused(depth: int) -> None:
    boxes, elements = b"", b""
    for _ in range(depth):
        boxes = struct.pack(">I4s", 8 + len(boxes), b"moov") + boxes
        size = (1 << 56 | len(elements)).to_bytes(8, "big")
        elements = b"\x18\x53\x80\x67" + size + elements
    assert cleaning(FTYP + boxes) is None
    assert cleaning(b"\x1a\x45\xdf\xa3\x80" + elements) is None
