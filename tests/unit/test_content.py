from __future__ import annotations

import asyncio
import json
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from studio.errors import BlobNotFound, StorageUnavailable
from studio.web.content import CHUNK_BYTES, file_response

DATA = bytes(range(256)) * 4
SIZE = len(DATA)


async def ask(
    path: Path,
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    content_type: str = "image/png",
    file_name: str = "a.png",
) -> tuple[int, dict[str, str], bytes]:
    response = file_response(
        path,
        content_type=content_type,
        file_name=file_name,
        etag="blake3:abc",
        request_headers=headers or {},
    )
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("the client never hangs up")

    async def send(message: Message) -> None:
        sent.append(message)

    await response({"type": "http", "method": method}, receive, send)
    answer = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert not sent[-1].get("more_body", False)
    return sent[0]["status"], answer, body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "blob"
    found.write_bytes(DATA)
    return found


async def test_a_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(StorageUnavailable):
        await ask(link)


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-9", 0, 10),
    ("bytes=10-", 10, SIZE),
    ("bytes=-10", SIZE - 10, SIZE),
    (f"bytes=0-{SIZE * 2}", 0, SIZE),
    (f"bytes=-{SIZE * 2}", 0, SIZE),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    (f"bytes=0-{SIZE - 1}", 0, SIZE),
    ("Bytes = 5 - 6", 5, 7),
]


@pytest.mark.parametrize(("header", "start", "stop"), RANGES)
async def test_one_range_is_answered_in_part(
    path: Path, header: str, start: int, stop: int
) -> None:
    status, headers, body = await ask(path, {"range": header})
    assert (status, body) == (206, DATA[start:stop])
    assert headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-3",
        "items=0-1",
        "bytes=0-1,5-6",
        "bytes=1-1-1",
        "bytes=+1-2",
        "bytes=٣-٤",
        "bytes=0-" + "9" * 5000,
    ],
)
async def test_ranges_that_make_no_sense_or_are_many_get_the_whole(path: Path, header: str) -> None:
    status, headers, body = await ask(path, {"range": header})
    assert (status, body) == (200, DATA)
    assert "content-range" not in headers
    assert headers["content-length"] == str(SIZE)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(path: Path, header: str) -> None:
    status, headers, body = await ask(path, {"range": header})
    assert status == 416
    assert headers["content-range"] == f"bytes */{SIZE}"
    assert json.loads(body)["error"] == {
        "code": "range_not_satisfiable",
        "message": "The file has no such range.",
        "details": None,
    }
    assert headers["content-type"] == "application/json"
    assert "etag" not in headers


async def test_ten_thousand_ranges_cost_no_more_than_one(path: Path) -> None:
    header = "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))
    status, _, body = await asyncio.wait_for(ask(path, {"range": header}), timeout=10)
    assert (status, body) == (200, DATA)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [('"blake3:abc"', 206), ('"other"', 200), ('W/"blake3:abc"', 200), ("Mon, 01 Jan 2024", 200)],
)
async def test_if_range_guards_a_resumed_download(path: Path, if_range: str, status: int) -> None:
    found, _, body = await ask(path, {"range": "bytes=5-", "if-range": if_range})
    assert found == status
    assert body == (DATA[5:] if status == 206 else DATA)


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"blake3:abc"', 304),
        ('W/"blake3:abc"', 304),
        ('"x", "blake3:abc"', 304),
        ("*", 304),
        ('"x"', 200),
        ("blake3:abc", 200),
    ],
)
async def test_a_known_etag_saves_the_bytes(path: Path, tag: str, status: int) -> None:
    found, headers, body = await ask(path, {"if-none-match": tag})
    assert found == status
    assert headers["etag"] == '"blake3:abc"'
    assert body == (b"" if status == 304 else DATA)


@pytest.mark.parametrize("range_header", [None, "bytes=5-9"])
async def test_head_has_the_headers_and_no_bytes(path: Path, range_header: str | None) -> None:
    asked = {"range": range_header} if range_header else {}
    get = await ask(path, asked)
    head = await ask(path, asked, method="HEAD")
    assert head == (get[0], get[1], b"")


async def test_large_files_are_sent_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "large"
    data = os.urandom(CHUNK_BYTES * 3 + 17)
    path.write_bytes(data)
    assert (await ask(path))[2] == data
    assert (await ask(path, {"range": f"bytes=1-{CHUNK_BYTES * 2}"}))[2] == data[
        1 : CHUNK_BYTES * 2 + 1
    ]


async def test_an_empty_file_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert (await ask(path))[::2] == (200, b"")
    assert (await ask(path, {"range": "bytes=0-"}))[0] == 416


async def test_a_client_that_hangs_up_ends_the_sending(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(CHUNK_BYTES * 10_000)
    response = file_response(
        path, content_type="video/mp4", file_name="a.mp4", etag="x", request_headers={}
    )
    sent = 0

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal sent
        sent += 1

    await response({"type": "http", "method": "GET"}, receive, send)
    assert sent < 100


async def test_bytes_that_are_gone_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(BlobNotFound):
        await ask(tmp_path / "gone")


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("audio/ogg; codecs=opus", "inline"),
        ("text/plain", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("application/json", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xml", "attachment"),
        ("text/javascript", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/pdf", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
async def test_every_answer_is_inert(path: Path, content_type: str, kind: str) -> None:
    _, headers, _ = await ask(path, content_type=content_type)
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    assert headers["content-disposition"].startswith(kind)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "inline; filename=\"a.png\"; filename*=UTF-8''a.png"),
        ("sub/dir/a.png", "inline; filename=\"a.png\"; filename*=UTF-8''a.png"),
        ("é 🦊.png", "inline; filename=\"_ _.png\"; filename*=UTF-8''%C3%A9%20%F0%9F%A6%8A.png"),
        ('q"\\\r\nX: 1.png', "inline; filename=\"__X: 1.png\"; filename*=UTF-8''__X%3A%201.png"),
        ("", "inline; filename=\"file\"; filename*=UTF-8''file"),
    ],
)
async def test_names_for_saving_follow_rfc_6266(path: Path, name: str, expected: str) -> None:
    _, headers, _ = await ask(path, file_name=name)
    assert headers["content-disposition"] == expected
