from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import Unprocessable
from studio.media import is_active, output_type, probe_image, sniff
from studio.models import OutputType


def picture(kind: str, size: tuple[int, int] = (3, 2)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 5)
        + b"IDAT"
        + b"\0" * 9
    )


def safetensors() -> bytes:
    header = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
    ],
)
def test_real_images_are_known_and_measured_whatever_their_name(
    tmp_path: Path, kind: str, content_type: str
) -> None:
    data = picture(kind)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert sniff(data[:4096], "notes.txt") == content_type
    assert probe_image(path) == (3, 2)


FTYP = b"\x00\x00\x00\x18ftyp"


@pytest.mark.parametrize(
    ("head", "name", "content_type"),
    [
        (FTYP + b"isom\0\0\x02\0isomiso2", "a.bin", "video/mp4"),
        (FTYP + b"qt  \0\0\x02\0qt  ", "a", "video/quicktime"),
        (FTYP + b"M4A \0\0\x02\0M4A ", "a", "audio/mp4"),
        (FTYP + b"heic\0\0\0\0mif1heic", "a", "image/heic"),
        (FTYP + b"mif1\0\0\0\0mif1avif", "a", "image/avif"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "a", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "a", "video/x-matroska"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a.png", "audio/wav"),
        (b"RIFF\x24\0\0\0AVI LIST", "a", "video/x-msvideo"),
        (b"fLaC\0\0\0\x22", "a", "audio/flac"),
        (b"ID3\x04\0\0\0\0", "a", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\0\0", "a.mp3", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\0\0", "a.dat", "application/octet-stream"),
        (b"OggS" + b"\0" * 24 + b"\x01vorbis", "a", "audio/ogg"),
        (b"OggS" + b"\0" * 24 + b"OpusHead", "a", "audio/ogg; codecs=opus"),
        (b"OggS" + b"\0" * 24 + b"\x80theora", "a", "video/ogg"),
        (b"glTF\x02\0\0\0", "a", "model/gltf-binary"),
        (b'{"asset": {"version": "2.0"}}', "a.gltf", "model/gltf+json"),
        (b"# Blender\nv 0 0 0\n", "a.obj", "model/obj"),
        (b"ply\nformat ascii 1.0\n", "a.txt", "model/x-ply"),
        (b"solid cube\nfacet normal 0 0 1\n", "a.stl", "model/stl"),
        (b"\0" * 84, "a.stl", "model/stl"),
        (b"%PDF-1.7\n", "a.png", "application/pdf"),
        (b"junk\n%PDF-1.7\n", "a.png", "application/pdf"),
        (b"PK\x03\x04\x14\0", "a.png", "application/zip"),
        (b"PK\x03\x04\x14\0", "a.usdz", "model/vnd.usdz+zip"),
        (b"GGUF\x03\0\0\0", "a", "application/x-gguf"),
        (safetensors(), "a.png", "application/x-safetensors"),
        (safetensors(), "a.latent", "application/x-latent"),
        (b"\0\1\2\3", "a.png", "application/octet-stream"),
        (b"\0\1\2\3", "", "application/octet-stream"),
        (b'{"a": 1}', "a", "application/json"),
        (b'{"a": 1', "a.json", "application/json"),
        (b"{not json", "a", "text/plain"),
        (b"[" * 4096, "a", "text/plain"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        (b"just words", "a.png", "text/plain"),
        ("été".encode()[:-1], "a.txt", "text/plain"),
        (b"\xff\xfeh\0i\0", "a.txt", "text/plain"),
        (b"", "a.png", "text/plain"),
    ],
)
def test_bytes_decide_and_names_only_choose_between_what_they_allow(
    head: bytes, name: str, content_type: str
) -> None:
    assert sniff(head, name) == content_type


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><p>hi",
        b"  \n<html>",
        b"\xef\xbb\xbf<HTML>",
        b"<script>alert(1)</script>",
        b"words first\n<script src=//x></script>",
        b"<!-- comment --><body onload=alert(1)>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<svg onload=alert(1)>",
        b"<?xml version='1.0'?><x/>",
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<script>alert(1)</script>".encode("utf-16"),
        b"\xff\xfe" + "<html>".encode("utf-16-le"),
        b"<script>\xe9alert(1)</script>",
        b"alert(1)",
        b"import x from '/y.js'",
        b"%PDF-1.4",
    ],
)
@pytest.mark.parametrize("name", ["cat.png", "a.txt", "a.json", "a.mp4", "noname"])
def test_markup_and_scripts_are_active_under_any_name(head: bytes, name: str) -> None:
    assert is_active(sniff(head, name)), sniff(head, name)


@pytest.mark.parametrize(
    "head",
    [b"GIF89a/*", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x24\0\0\0WEBP"],
)
def test_a_picture_with_markup_behind_it_stays_a_picture(head: bytes) -> None:
    found = sniff(head + b"<script>alert(1)</script>*/=1", "a.html")
    assert found.startswith("image/")
    assert not is_active(found)


@pytest.mark.parametrize("size", [(60_000, 60_000), (60_000, 1), (1, 16_385)])
def test_an_image_beyond_the_cap_is_refused_by_its_header(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    with pytest.raises(Unprocessable, match="too large"):
        probe_image(path)


def test_the_largest_allowed_image_is_measured_without_decoding(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.write_bytes(png_header(16_384, 16_384))
    assert probe_image(path) == (16_384, 16_384)


def test_the_size_of_a_png_is_read_from_its_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(picture("PNG", (300, 200))[:33])
    assert probe_image(path) == (300, 200)


def test_a_png_whose_header_is_damaged_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    damaged = bytearray(picture("PNG", (300, 200)))
    damaged[18] ^= 1
    path.write_bytes(damaged)
    assert probe_image(path) is None


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0" + b"\xff" * 50])
def test_a_damaged_image_has_no_size(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    assert probe_image(path) is None


def test_an_avif_that_its_decoder_gives_up_has_no_size(tmp_path: Path) -> None:
    made = io.BytesIO()
    Image.new("RGB", (40, 30)).save(made, "AVIF")
    path = tmp_path / "broken.avif"
    path.write_bytes(made.getvalue().replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\7"))
    with pytest.raises(RuntimeError):
        Image.open(path)
    assert probe_image(path) is None


def test_postscript_never_reaches_a_decoder(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert probe_image(path) is None


@pytest.mark.parametrize(
    ("content_type", "hint", "kind"),
    [
        ("image/png", "images", OutputType.IMAGE),
        ("image/webp", "gifs", OutputType.IMAGE),
        ("video/mp4", "gifs", OutputType.VIDEO),
        ("audio/flac", "audio", OutputType.AUDIO),
        ("text/plain", "text", OutputType.TEXT),
        ("application/json", "", OutputType.TEXT),
        ("application/x-latent", "", OutputType.LATENT),
        ("application/x-safetensors", "latents", OutputType.LATENT),
        ("model/gltf-binary", "3d", OutputType.FILE),
        ("application/octet-stream", "", OutputType.FILE),
    ],
)
def test_outputs_have_v2_kinds(content_type: str, hint: str, kind: OutputType) -> None:
    assert output_type(content_type, hint) is kind
