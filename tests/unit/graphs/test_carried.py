"""What pictures, films and sounds carry; the files were made by PyAV and Pillow as ComfyUI does."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.graphs.carried import EmbeddedGraphs, embedded_graphs
from studio.graphs.carriers import pictures

FILES = sorted((Path(__file__).parents[2] / "data" / "carried").iterdir())
PROMPT = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0},
        "_meta": {"title": "Ünïcode 火"},
    }
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    block = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    block += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"RIFF\0\0\0\0WEBPEXIF" + struct.pack("<I", len(block)) + block


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_both_graphs_are_read_from_every_kind_of_file(path: Path) -> None:
    found = embedded_graphs(path.read_bytes())
    assert found.prompt == PROMPT
    assert found.workflow is not None
    assert found.workflow["nodes"][0]["type"] == "EmptyImage"


def test_every_kind_is_among_the_files() -> None:
    assert {path.suffix for path in FILES} == {".png", ".webp", ".mp4", ".webm", ".flac", ".mp3"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_that_was_cut_anywhere_is_read_without_an_exception(path: Path) -> None:
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        assert embedded_graphs(data[:end]).prompt in (None, PROMPT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@settings(max_examples=60, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 9000), st.binary(min_size=1, max_size=8))))
def test_a_damaged_file_is_read_without_an_exception(
    path: Path, changes: list[tuple[int, bytes]]
) -> None:
    data = bytearray(path.read_bytes())
    for at, replacement in changes:
        place = at % len(data)
        data[place : place + len(replacement)] = replacement
    assert isinstance(embedded_graphs(bytes(data)), EmbeddedGraphs)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        png(),
        png(chunk(b"tEXt", b"prompt\0not json")),
        png(chunk(b"tEXt", b"prompt\0[1, 2]")),
        png(chunk(b"tEXt", b"prompt\0" + b'{"a":' * 100_000)),
        png(chunk(b"zTXt", b"prompt\0\0not packed")),
        png(struct.pack(">I", 2**32 - 1) + b"tEXtprompt\0{}"),
        exif((0x8769, 4, 1, 8)),
        exif((0x0110, 2, 2**32 - 1, 8)),
        b"\0\0\0\x08ftyp" + b"\0\0\0\0moov" * 3,
        b"\x1a\x45\xdf\xa3\xff" + b"\x18\x53\x80\x67\xff" * 1000,
        b"ID3\4\0\0\x7f\x7f\x7f\x7fTXXX\0\0\0\0",
        b"fLaC\x84\xff\xff\xff" + b"\xff" * 40,
    ],
    ids=range(14),
)
def test_what_is_no_graph_carries_none(data: bytes) -> None:
    assert embedded_graphs(data) == EmbeddedGraphs()


def test_a_text_that_unpacks_to_very_much_is_left_alone() -> None:
    bomb = zlib.compress(b'{"a": "' + b"x" * (60 * 1024 * 1024) + b'"}', 9)
    packed = chunk(b"zTXt", b"prompt\0\0" + bomb)
    assert embedded_graphs(png(packed, packed, packed)).prompt is None


def test_entries_that_all_point_at_the_same_bytes_are_read_no_more_often_than_the_file_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[bytes] = []
    monkeypatch.setattr(pictures, "keep", lambda texts, name, text: read.append(text))
    text = b"prompt:" + b"x" * 100_000
    entries = 5000
    data = exif(*[(0x0110, 2, len(text), 10 + 12 * entries)] * entries)[20:] + text
    embedded_graphs(b"RIFF\0\0\0\0WEBPEXIF" + struct.pack("<I", len(data)) + data)
    assert 1 <= len(read) <= 4


def test_the_first_of_two_texts_with_one_name_counts() -> None:
    first, second = (json.dumps({"1": {"n": n}}).encode() for n in (1, 2))
    data = png(chunk(b"tEXt", b"prompt\0" + first), chunk(b"tEXt", b"prompt\0" + second))
    assert embedded_graphs(data).prompt == {"1": {"n": 1}}
