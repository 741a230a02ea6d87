"""GGUF files whose heads lie: each is refused before anything big is read or believed."""

from __future__ import annotations

import contextlib
import os
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.services.language_needs import needed, usual_context
from studio.store.gguf_heads import BadGguf, ChatTemplate, read_gguf
from tests.fakes.gguf_files import write_model

U64 = 1 << 64
ARCHITECTURE = ("general.architecture", 8, b"llama")


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + (text(value) if kind == 8 else value)


def tensor(
    name: str = "a.weight", shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0
) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def file(
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    entries: tuple[bytes, ...] = (entry(*ARCHITECTURE),),
    tensors: tuple[bytes, ...] = (tensor(),),
    counts: tuple[int, int] | None = None,
    data: int = 128,
) -> bytes:
    said = counts or (len(tensors), len(entries))
    head = magic + struct.pack("<IQQ", version, *said) + b"".join(entries + tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


def own(key: str, kind: int, form: str, value: int) -> tuple[bytes, ...]:
    return entry(*ARCHITECTURE), entry(key, kind, struct.pack(form, value))


def listed(inner: int, count: int, rest: bytes = b"") -> tuple[bytes, ...]:
    return entry(*ARCHITECTURE), entry("x", 9, struct.pack("<IQ", inner, count) + rest)


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "another magic": file(magic=b"GGML"),
    "big endian": file(version=3 << 24),
    "version 1": file(version=1),
    "no tensors": file(tensors=()),
    "no values": file(entries=()),
    "tensors without end": file(counts=(U64 - 1, 1)),
    "values without end": file(counts=(1, U64 - 1)),
    "more values than there are": file(counts=(1, 50)),
    "a key longer than the file": b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, U64 - 1),
    "a key of nothing": file(entries=(entry(*ARCHITECTURE), entry("", 0, b"\0"))),
    "a key twice": file(entries=(entry(*ARCHITECTURE), entry(*ARCHITECTURE))),
    "no architecture": file(entries=(entry("general.name", 8, b"x"),)),
    "an architecture that is a number": file(entries=(entry("general.architecture", 0, b"\1"),)),
    "an architecture with a path": file(entries=(entry("general.architecture", 8, b"../x"),)),
    "a kind that nobody knows": file(entries=(entry(*ARCHITECTURE), entry("x", 99, b""))),
    "a list longer than the file": file(entries=listed(4, U64 // 4)),
    "a list of bytes longer than the file": file(entries=listed(0, 1 << 40)),
    "texts without end": file(entries=listed(8, U64 - 1)),
    "a list of lists": file(entries=listed(9, 1, struct.pack("<IQ", 0, 0))),
    "one part of several": file(entries=own("split.count", 2, "<H", 2)),
    "names that are longer than any head's": file(
        entries=(
            entry(*ARCHITECTURE),
            *(entry(f"{number:05}" + "x" * 60_000, 0, b"\0") for number in range(8)),
        )
    ),
    "alignment of nothing": file(entries=own("general.alignment", 4, "<I", 0)),
    "alignment of 3": file(entries=own("general.alignment", 4, "<I", 24)),
    "a huge alignment": file(entries=own("general.alignment", 4, "<I", 1 << 31)),
    "alignment as a text": file(
        entries=(entry(*ARCHITECTURE), entry("general.alignment", 8, b"32"))
    ),
    "a chat template without end": file(
        entries=(
            entry(*ARCHITECTURE),
            text("tokenizer.chat_template") + struct.pack("<IQ", 8, 1 << 24),
        ),
        data=1 << 21,
    ),
    "five dimensions": file(tensors=(tensor(shape=(1, 1, 1, 1, 1)),)),
    "no dimensions": file(tensors=(tensor(shape=()),)),
    "a length of nothing": file(tensors=(tensor(shape=(32, 0)),)),
    "lengths that overflow": file(tensors=(tensor(shape=(1 << 32, 1 << 32)),)),
    "one length that overflows": file(tensors=(tensor(shape=(U64 - 1,)),)),
    "a number format that nobody knows": file(tensors=(tensor(kind=77),)),
    "a block that is not whole": file(tensors=(tensor(shape=(33,), kind=2),)),
    "a name without end": file(tensors=(tensor(name="x" * 64),)),
    "one name twice": file(tensors=(tensor(), tensor(offset=128)), data=256),
    "an offset outside": file(tensors=(tensor(offset=1 << 40),)),
    "an offset that is not aligned": file(tensors=(tensor(), tensor("b", offset=129)), data=512),
    "tensors one over the other": file(tensors=(tensor(), tensor("b", offset=0)), data=512),
    "fewer weights than it says": file(data=127),
    "one that is larger than the file": file(tensors=(tensor(shape=(1 << 40,)),)),
}


def test_what_these_are_made_of_is_a_good_file(tmp_path: Path) -> None:
    good = tmp_path / "good.gguf"
    good.write_bytes(file())
    head = read_gguf(good)
    assert (head.architecture, head.tensor_bytes) == ("llama", 128)
    good.write_bytes(file(tensors=(tensor(shape=(8,)), tensor("b", offset=32)), data=160))
    assert read_gguf(good).tensor_bytes == 160


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(BadGguf):
        read_gguf(path)


def test_a_good_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "whole.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in [*range(0, 3000, 37), 9000, len(whole) // 2, len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(BadGguf):
            read_gguf(cut)


def test_the_head_of_a_real_writer_s_file_says_what_it_needs(tmp_path: Path) -> None:
    head = read_gguf(write_model(tmp_path / "tiny.gguf", context=512))
    assert (head.words, head.number("block_count"), usual_context(head)) == (285, 2, 512)
    beside = needed(head, context=512, gpu_layers=0)
    there = needed(head, context=512, gpu_layers=-1)
    assert (beside.gpu_bytes, there.memory_bytes) == (0, 0)
    # Two layers of four heads of sixteen numbers, keys and values, two bytes each.
    longer = needed(head, context=1512, gpu_layers=0)
    assert longer.memory_bytes - beside.memory_bytes == 1000 * 2 * 4 * (16 + 16) * 2
    part = needed(head, context=512, gpu_layers=1)
    assert 0 < part.memory_bytes < beside.memory_bytes
    assert 0 < part.gpu_bytes < there.gpu_bytes


def test_a_list_of_gigabytes_that_exist_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vast.gguf"
    path.write_bytes(file(entries=listed(0, 1 << 30)))
    os.truncate(path, 2 << 30)
    with held() as most, pytest.raises(BadGguf, match="far too long"):
        read_gguf(path)
    assert most[0] < 8 << 20


def test_what_nobody_asks_for_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "wordy.gguf"
    texts = [entry(f"x{number}", 8, b"word" * (1 << 20)) for number in range(4)]
    path.write_bytes(file(entries=(*listed(0, 16 << 20, bytes(16 << 20)), *texts)))
    with held() as most:
        head = read_gguf(path)
    assert 0 < most[0] < 8 << 20
    assert (head.architecture, head.lists) == ("llama", {"x": 16 << 20})


@contextlib.contextmanager
def held() -> Iterator[list[int]]:
    """The most memory that was held at once in the block, known after it."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield found
    finally:
        found.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("template", "facts"),
    [
        ("{{ messages }}", ChatTemplate()),
        ("{% if tools %}{{ tools }}{% endif %}{{ system }}", ChatTemplate(True, True)),
        ("{{ raise_exception('System role not supported') }}", ChatTemplate()),
    ],
    ids=str,
)
def test_a_template_tells_whether_it_takes_tools(
    tmp_path: Path, template: str, facts: ChatTemplate
) -> None:
    # As long as those of models that are about.
    long = f"{{# {'x' * 9000} #}}{template}"
    assert read_gguf(write_model(tmp_path / "tiny.gguf", template=long)).template == facts


def test_a_model_without_a_template_says_so(tmp_path: Path) -> None:
    path = tmp_path / "good.gguf"
    path.write_bytes(file())
    assert read_gguf(path).template is None
