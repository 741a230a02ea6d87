"""Uploads in parts over HTTP: how they grow, what is refused, who sees them, when they go."""

from __future__ import annotations

import asyncio
import errno
import os

import httpx
import pytest

from studio.errors import StorageUnavailable
from studio.store.upload_files import UploadFiles
from tests.api.asset_client import BEN, hash_of, picture
from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.api.asset_client import library as library
from tests.api.asset_client import upload as upload_at_once
from tests.api.graphs import code_of
from tests.api.upload_client import begin, complete, noise, put, send, stored, waiting
from tests.fakes.asset_app import ANN, PART_BYTES, Library

NOWHERE = "0" * 36


async def test_parts_in_any_order_and_at_once_become_an_asset(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(4.3)
    upload = await begin(client, len(data), "trip/film.bin", hash=hash_of(data), tags=["a"])
    assert (upload["parts"], upload["received"]) == (5, [])
    answers = await asyncio.gather(*(put(client, upload, n, data) for n in (3, 0, 4, 2, 1)))
    assert {answer.status_code for answer in answers} == {200}
    seen = (await client.get(f"/api/uploads/{upload['id']}")).json()
    assert (seen["received"], seen["asset_id"]) == ([0, 1, 2, 3, 4], None)
    answer = await complete(client, upload)
    assert answer.status_code == 201
    asset = answer.json()["asset"]
    assert asset["hash"] == hash_of(data)
    assert (asset["size_bytes"], asset["file_path"]) == (len(data), "trip/film.bin")
    assert (await client.get(asset["url"])).content == data
    assert stored(library) == [data]
    assert waiting(library) == []
    seen = (await client.get(f"/api/uploads/{upload['id']}")).json()
    assert seen["asset_id"] == asset["id"]
    assert (await client.get("/api/uploads")).json() == {"uploads": []}


async def test_the_same_part_again_replaces_the_former(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(2)
    upload = await begin(client, len(data))
    assert (await put(client, upload, 0, b"x" * PART_BYTES)).status_code == 200
    await put(client, upload, 1, data)
    assert (await put(client, upload, 0, data)).json() == {"received": [0, 1]}
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_complete_asked_for_many_times_at_once_makes_one_asset(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(3)
    upload = await begin(client, len(data))
    for number in range(3):
        await put(client, upload, number, data)
    answers = await asyncio.gather(*(complete(client, upload) for _ in range(20)))
    answers.append(await complete(client, upload))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["asset"]["id"] for answer in answers}) == 1
    count = await library.db.read(
        lambda connection: connection.execute("SELECT count(*) FROM assets").fetchone()[0]
    )
    assert count == 1


async def test_a_complete_upload_takes_no_more_parts(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(1)
    upload = await begin(client, len(data))
    await put(client, upload, 0, data)
    await complete(client, upload)
    answer = await put(client, upload, 0, b"x" * PART_BYTES)
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    assert stored(library) == [data]


async def test_bytes_that_are_stored_already_are_never_written_to(
    client: httpx.AsyncClient, library: Library
) -> None:
    """After a kill in the moment of the commit a blob and an upload are the same file."""
    data = noise(1)
    upload = await begin(client, len(data))
    await put(client, upload, 0, data)
    [path] = waiting(library)
    (library.folder / "blob").hardlink_to(path)
    answer = await put(client, upload, 0, b"x" * PART_BYTES)
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    assert (library.folder / "blob").read_bytes() == data


async def test_a_wrong_hash_is_refused_and_the_part_can_be_sent_again(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(2)
    upload = await begin(client, len(data), hash=hash_of(data).upper().replace("BLAKE3", "blake3"))
    await put(client, upload, 0, data)
    await put(client, upload, 1, data[::-1])
    answer = await complete(client, upload)
    assert (answer.status_code, code_of(answer)) == (409, "hash_mismatch")
    assert stored(library) == []
    await put(client, upload, 1, data)
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_a_commit_that_fails_leaves_an_upload_that_a_start_keeps(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("The volume is away.")

    data = noise(2)
    upload = await begin(client, len(data))
    for number in (0, 1):
        await put(client, upload, number, data)
    monkeypatch.setattr("studio.store.uploads.insert", refuse)
    answer = await complete(client, upload)
    assert (answer.status_code, code_of(answer)) == (503, "storage_unavailable")
    monkeypatch.undo()
    await library.uploads.tidy()
    await library.store.sweep()
    assert [path.read_bytes() for path in library.files()] == [data]
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]
    assert waiting(library) == []


async def test_a_file_that_outlived_its_commit_goes_at_the_next_start(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(1)
    upload = await begin(client, len(data))
    await put(client, upload, 0, data)
    with monkeypatch.context() as patched:
        patched.setattr(UploadFiles, "remove", lambda *_: None)
        assert (await complete(client, upload)).status_code == 201
    assert len(waiting(library)) == 1
    await library.uploads.tidy()
    assert waiting(library) == []
    assert stored(library) == [data]


async def test_a_volume_without_hard_links_gets_a_copy(
    client: httpx.AsyncClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    data = noise(2)
    assert (await send(client, data))["hash"] == hash_of(data)
    assert stored(library) == [data]
    assert waiting(library) == []


async def test_what_a_browser_could_run_is_known_by_its_bytes(client: httpx.AsyncClient) -> None:
    data = b"<!doctype html><script>alert(1)</script>" * 50
    asset = await send(client, data, "cat.png", content_type="image/png")
    assert asset["content_type"] == "text/html"


# -- whose they are -------------------------------------------------------------------------------


async def test_nobody_sees_the_uploads_of_others(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(1)
    upload = await begin(client, len(data))
    await put(client, upload, 0, data)
    address = f"/api/uploads/{upload['id']}"
    for user in ("ben", "owner"):
        headers = {"Authorization": f"Bearer {user}"}
        for method, path in (
            ("GET", address),
            ("PUT", f"{address}/parts/0"),
            ("POST", f"{address}/complete"),
            ("DELETE", address),
        ):
            answer = await client.request(method, path, headers=headers, content=b"x" * PART_BYTES)
            assert (answer.status_code, code_of(answer)) == (404, "not_found"), (user, method)
            unknown = await client.request(
                method,
                path.replace(upload["id"], NOWHERE),
                headers=headers,
                content=b"x" * PART_BYTES,
            )
            assert unknown.json() == answer.json()
        assert (await client.get("/api/uploads", headers=headers)).json() == {"uploads": []}
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_bytes_that_one_has_are_not_sent_again_and_those_of_others_are(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = picture()
    first = (await upload_at_once(client, data, "first.png")).json()
    body = {"name": "again.png", "size_bytes": len(data), "hash": first["hash"]}
    answer = await client.post("/api/uploads", json=body)
    assert answer.status_code == 200
    asset = answer.json()["asset"]
    assert asset["hash"] == first["hash"]
    assert (asset["file_path"], asset["content_type"]) == ("again.png", "image/png")
    foreign = await client.post("/api/uploads", json=body, headers=BEN)
    assert foreign.status_code == 201
    assert foreign.json()["received"] == []
    assert len(waiting(library)) == 1


# -- when they go ---------------------------------------------------------------------------------


async def test_an_upload_goes_a_day_after_its_last_part(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(2)
    kept, left, done = [await begin(client, len(data), f"{n}.bin") for n in range(3)]
    for number in (0, 1):
        await put(client, done, number, data)
    asset = (await complete(client, done)).json()["asset"]
    library.clock.advance(3600)
    await put(client, kept, 0, data)
    library.clock.advance(23 * 3600 + 1)
    await library.uploads.purge()
    answers = [await client.get(f"/api/uploads/{one['id']}") for one in (kept, left, done)]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert [path.name for path in waiting(library)] == [kept["id"]]
    assert await library.service.get(ANN, asset["id"])
    assert (await put(client, kept, 1, data)).status_code == 200
    assert (await complete(client, kept)).status_code == 201


async def test_a_start_keeps_what_is_whole_and_removes_the_rest(
    client: httpx.AsyncClient, library: Library
) -> None:
    data = noise(1)
    kept, lost = await begin(client, len(data)), await begin(client, len(data))
    await put(client, kept, 0, data)
    folder = library.folder / "assets" / "uploads"
    (folder / lost["id"]).unlink()
    (folder / NOWHERE).write_bytes(b"of nobody")
    await library.uploads.tidy()
    await library.store.sweep()
    assert [path.name for path in waiting(library)] == [kept["id"]]
    assert (await client.get(f"/api/uploads/{lost['id']}")).status_code == 404
    assert (await complete(client, kept)).status_code == 201
    assert stored(library) == [data]
