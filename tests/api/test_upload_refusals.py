"""Uploads in parts that are refused: parts, fields, names, sizes, too many, no room."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from studio.services.uploads import MAX_OPEN
from tests.api.asset_client import BEN
from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.api.asset_client import library as library
from tests.api.graphs import code_of
from tests.api.upload_client import begin, complete, noise, put, send, stored, waiting
from tests.fakes.asset_app import Library
from tests.security.tables import BAD_NAMES
from tests.security.test_upload_limits import png


@pytest.mark.parametrize("number", [3, 10**8, -1, "x"])
async def test_a_part_that_the_upload_does_not_have_is_refused(
    client: httpx.AsyncClient, number: object
) -> None:
    upload = await begin(client, 2500)
    answer = await client.put(f"/api/uploads/{upload['id']}/parts/{number}", content=b"x" * 1000)
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_part_of_another_length_is_refused(
    client: httpx.AsyncClient, is_chunked: bool
) -> None:
    upload = await begin(client, 2500)
    address = f"/api/uploads/{upload['id']}"

    async def pieces(size_bytes: int) -> AsyncIterator[bytes]:
        yield b"x" * (size_bytes // 2)
        yield b"x" * (size_bytes - size_bytes // 2)

    for number, size_bytes in ((0, 0), (0, 999), (0, 1001), (2, 1000), (2, 499), (0, 3_000_000)):
        content = pieces(size_bytes) if is_chunked else b"x" * size_bytes
        answer = await client.put(f"{address}/parts/{number}", content=content)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
    assert (await client.get(address)).json()["received"] == []


WRONG: list[tuple[int, dict[str, Any]]] = [
    (422, {"size_bytes": 0}),
    (422, {"size_bytes": -1}),
    (422, {"size_bytes": "5"}),
    (422, {"size_bytes": True}),
    (422, {"size_bytes": 5.0}),
    (422, {"size_bytes": None}),
    (413, {"size_bytes": 10**15 + 1}),
    (413, {"size_bytes": 2**64 - 1}),
    (422, {"hash": "sha256:00"}),
    (422, {"hash": "blake3:" + "g" * 64}),
    (422, {"hash": ""}),
    (422, {"hash": 5}),
    (422, {"content_type": "x" * 101}),
    (422, {"tags": "a"}),
    (422, {"tags": [5]}),
    (422, {"tags": ["x" * 101]}),
    (422, {"tags": ["x"] * 33}),
    (422, {"expires_in": 59}),
    (422, {"expires_in": 10**12}),
    (422, {"expires_in": "60"}),
    (422, {"name": 5}),
    (422, {"name": "models/x.safetensors"}),
    (422, {"part_bytes": 5}),
]


async def test_a_wrong_field_is_refused(client: httpx.AsyncClient, library: Library) -> None:
    for status, fields in WRONG:
        headers = BEN if fields.get("name") == "models/x.safetensors" else {}
        body = {"name": "a.bin", "size_bytes": 5, **fields}
        answer = await client.post("/api/uploads", json=body, headers=headers)
        assert answer.status_code == status, fields
        assert code_of(answer) == ("payload_too_large" if status == 413 else "invalid_request")
    assert library.files() == []


async def test_a_name_that_leads_elsewhere_is_refused(
    client: httpx.AsyncClient, library: Library
) -> None:
    for name in BAD_NAMES:
        answer = await client.post("/api/uploads", json={"name": name, "size_bytes": 5})
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request"), name
        assert answer.json()["error"]["details"] == {"field": "name"}
    assert library.files() == []


async def test_a_file_that_does_not_fit_is_refused_before_it_comes(
    client: httpx.AsyncClient, library: Library
) -> None:
    answer = await client.post("/api/uploads", json={"name": "a.bin", "size_bytes": 10**15})
    assert (answer.status_code, code_of(answer)) == (507, "disk_full")
    details = answer.json()["error"]["details"]
    assert details["size_bytes"] == 10**15
    assert 0 < details["free_bytes"] < 10**15
    assert library.files() == []
    assert (await client.get("/api/uploads")).json() == {"uploads": []}


@pytest.mark.parametrize("code", [errno.EDQUOT, errno.ENOSPC])
async def test_a_quota_that_refuses_counts_as_a_full_disk(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no room")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    answer = await client.post("/api/uploads", json={"name": "a.bin", "size_bytes": 5000})
    assert (answer.status_code, code_of(answer)) == (507, "disk_full")
    assert answer.json()["error"]["details"] == {"size_bytes": 5000, "free_bytes": None}
    assert library.files() == []
    monkeypatch.undo()
    assert (await send(client, noise(5)))["size_bytes"] == 5000


async def test_a_part_that_does_not_fit_does_not_count_and_comes_again(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where space cannot be reserved the disk is full only now."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EDQUOT, "no room")

    data = noise(2)
    upload = await begin(client, len(data))
    assert (await put(client, upload, 0, data)).status_code == 200
    for call in ("pwrite", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, refuse)
            answer = await put(client, upload, 1, data)
        assert (answer.status_code, code_of(answer)) == (507, "disk_full"), call
    assert (await client.get(f"/api/uploads/{upload['id']}")).json()["received"] == [0]
    assert (await put(client, upload, 1, data)).status_code == 200
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_a_member_reserves_no_more_than_one_file_of_the_largest_size(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library.uploads, "_max_bytes", 100)
    half = 51
    first = await client.post("/api/uploads", json={"name": "a.bin", "size_bytes": half})
    assert first.status_code == 201
    second = await client.post("/api/uploads", json={"name": "b.bin", "size_bytes": half})
    assert (second.status_code, code_of(second)) == (429, "too_many_uploads")
    await client.delete(f"/api/uploads/{first.json()['id']}")
    again = await client.post("/api/uploads", json={"name": "b.bin", "size_bytes": half})
    assert again.status_code == 201
    assert len(waiting(library)) == 1


async def test_a_user_has_at_most_twenty_that_are_not_complete(
    client: httpx.AsyncClient, library: Library
) -> None:
    bodies = [{"name": f"{number}.bin", "size_bytes": 5} for number in range(MAX_OPEN + 10)]
    answers = await asyncio.gather(*(client.post("/api/uploads", json=body) for body in bodies))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 10
    assert {code_of(answer) for answer in refused} == {"too_many_uploads"}
    assert len(waiting(library)) == MAX_OPEN
    open_ones = (await client.get("/api/uploads")).json()["uploads"]
    assert len(open_ones) == MAX_OPEN
    assert (await client.post("/api/uploads", json=bodies[0], headers=BEN)).status_code == 201
    address = f"/api/uploads/{open_ones[0]['id']}"
    assert (await client.delete(address)).status_code == 204
    assert (await client.delete(address)).status_code == 404
    assert (await client.post("/api/uploads", json=bodies[0])).status_code == 201


async def test_a_picture_of_sixty_thousand_pixels_a_side_is_refused(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = png(60_000, 60_000)
    upload = await begin(client, len(data), "bomb.png")
    await put(client, upload, 0, data)
    answer = await complete(client, upload)
    assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
    assert stored(library) == []
