from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from studio.errors import InvalidRequest, PayloadTooLarge
from studio.web.multipart import FormReader

TYPE = "multipart/form-data; boundary=sep"


def field(name: str, value: bytes, extra: str = "") -> bytes:
    head = f'--sep\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = b"--sep--\r\n"


async def stream(body: bytes, step: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), step):
        yield body[start : start + step]


async def read(body: bytes, step: int = 65_536) -> list[tuple[str, bytes]]:
    found = []
    async for part in FormReader(stream(body, step), TYPE).parts():
        found.append((part.name, b"".join([chunk async for chunk in part.chunks()])))
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 65_536])
async def test_parts_are_the_same_however_the_body_is_cut(step: int) -> None:
    parts = [
        ("file", b"\r\n--se\r\n--sep-not\r\n-\r\r\n"),
        ("empty", b""),
        ("text", "é🦊".encode()),
    ]
    body = b"".join(field(name, value) for name, value in parts) + END
    assert await read(body, step) == parts


async def test_a_part_says_what_the_client_claims() -> None:
    body = (
        b'--sep\r\nContent-Disposition: form-data; name="file"; filename="b\xc3\xa9.png"\r\n'
        b"Content-Type: image/png\r\n\r\nx\r\n" + END
    )
    parts = [part async for part in FormReader(stream(body, 10), TYPE).parts()]
    assert [(part.name, part.file_name, part.content_type) for part in parts] == [
        ("file", "bé.png", "image/png")
    ]


async def test_a_part_that_is_not_read_is_skipped() -> None:
    body = field("a", b"x" * 100_000) + field("b", b"wanted") + END
    texts = {}
    async for part in FormReader(stream(body, 999), TYPE).parts():
        if part.name == "b":
            texts[part.name] = await part.text()
    assert texts == {"b": "wanted"}


async def test_a_part_read_twice_ends_at_once_the_second_time() -> None:
    async for part in FormReader(stream(field("a", b"x") + END, 9), TYPE).parts():
        assert await part.text() == "x"
        assert await part.text() == ""


@pytest.mark.parametrize("cut", [0, 1, 5, 30, 60, 70, 75, 80])
async def test_a_body_that_is_cut_off_is_refused(cut: int) -> None:
    body = field("file", b"0123456789") + END
    with pytest.raises(InvalidRequest):
        await read(body[: min(cut, len(body) - len(END))])


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=sep",
        "multipart/form-data; boundary=" + "x" * 201,
    ],
)
def test_a_type_without_a_boundary_is_refused(content_type: str | None) -> None:
    with pytest.raises(InvalidRequest):
        FormReader(stream(b"", 1), content_type)


BAD_BODIES: Sequence[bytes] = (
    b"nonsense",
    b"--other\r\n\r\n",
    b"--sep\r\nno colon\r\n\r\nx\r\n" + END,
    b"--sep\r\n: empty\r\n\r\nx\r\n" + END,
    b"--sep\rX",
    field("a", b"\xff\xfe") + END,
)


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        async for part in FormReader(stream(body, 5), TYPE).parts():
            await part.text()


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"x" * 9000 + b"\r\n",
        b"x" * 9000 + b": long\r\n",
        b"".join(b"X-%d: y\r\n" % n for n in range(9)),
    ],
)
async def test_headers_of_parts_are_bounded(head: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await read(b"--sep\r\n" + head + b"\r\nx\r\n" + END)


async def test_ten_thousand_parts_are_refused_early() -> None:
    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield field("tags", b"x")
        yield END

    with pytest.raises(InvalidRequest, match="64"):
        async for part in FormReader(counted(), TYPE).parts():
            await part.text()
    assert taken < 100


async def test_a_long_text_field_is_refused() -> None:
    body = field("file_path", b"x" * 65_537) + END
    with pytest.raises(InvalidRequest, match="too long"):
        async for part in FormReader(stream(body, 4096), TYPE).parts():
            await part.text()


async def test_unknown_fields_may_not_be_endless() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield field("junk", b"")[:-2]
        while True:
            taken += 1
            yield b"x" * 65_536

    with pytest.raises(PayloadTooLarge):
        async for part in FormReader(endless(), TYPE).parts():
            assert part.name == "junk"
    assert taken < 20
