"""Who sends a part of an upload: lines that are cut, and several senders at once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.services import uploads
from studio.store.upload_files import PartWriter
from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.api.asset_client import library as library
from tests.api.graphs import code_of
from tests.api.upload_client import begin, complete, noise, put, stored, waiting
from tests.fakes.asset_app import PART_BYTES, Library


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a part are written as they come, short as they are."""
    monkeypatch.setattr(uploads, "_FLUSH_BYTES", 100)


@contextlib.asynccontextmanager
async def half_a_part(
    base_url: str, upload: dict[str, Any], data: bytes
) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection over which a part began to come; the line is cut at the end."""
    host, port = base_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"PUT /api/uploads/%b/parts/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n"
        b"Content-Length: %d\r\n\r\n" % (upload["id"].encode(), PART_BYTES)
    )
    writer.write(data)
    await writer.drain()
    try:
        yield writer
    finally:
        writer.transport.abort()


async def until_begun(library: Library, upload: dict[str, Any], *, after: str = "") -> str:
    """Wait until somebody sends the first part of an upload, later than ``after``; who it is."""
    for _ in range(500):
        rows = await library.db.read(
            lambda connection: connection.execute(
                "SELECT sender, received FROM upload_parts WHERE upload_id = ?", (upload["id"],)
            ).fetchall()
        )
        if rows and not rows[0]["received"] and rows[0]["sender"] != after:
            return str(rows[0]["sender"])
        await asyncio.sleep(0.01)
    raise AssertionError("the part did not begin")


async def until_written(library: Library, upload: dict[str, Any]) -> None:
    """Wait until some of what ``half_a_part`` sends is in the file."""
    [path] = [path for path in waiting(library) if path.name == upload["id"]]
    for _ in range(500):
        if path.read_bytes().startswith(b"x"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was written")


def opened(upload: dict[str, Any]) -> int:
    """How often this process has the file of an upload open."""
    count = 0
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += upload["id"] in str(handle.readlink())
    return count


async def test_a_part_that_is_cut_off_does_not_count_and_comes_again(
    client: httpx.AsyncClient, base_url: str, library: Library
) -> None:
    data = noise(1)
    upload = await begin(client, len(data))
    assert (await put(client, upload, 0, data)).status_code == 200
    async with half_a_part(base_url, upload, b"x" * 600):
        await until_written(library, upload)
    answer = await complete(client, upload)
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    assert answer.json()["error"]["details"] == {"missing": [0]}
    assert (await put(client, upload, 0, data)).status_code == 200
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_of_two_who_send_a_part_the_later_wins_and_nothing_is_mixed(
    client: httpx.AsyncClient, base_url: str, library: Library
) -> None:
    data = noise(1)
    upload = await begin(client, len(data))
    async with half_a_part(base_url, upload, b"x" * 600) as slow:
        await until_written(library, upload)
        assert (await put(client, upload, 0, data)).status_code == 200
        slow.write(b"x" * 400)
        await slow.drain()
        await asyncio.sleep(0.1)
    assert (await complete(client, upload)).status_code == 201
    assert stored(library) == [data]


async def test_a_part_that_was_begun_anew_is_not_ended_by_its_former_sender(
    client: httpx.AsyncClient,
    base_url: str,
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish, is_whole, go_on = PartWriter.finish, threading.Event(), threading.Event()

    def finish_slowly(writer: PartWriter) -> None:
        finish(writer)
        is_whole.set()
        assert go_on.wait(20)

    monkeypatch.setattr(PartWriter, "finish", finish_slowly)
    data = noise(1)
    upload = await begin(client, len(data))
    sending = asyncio.create_task(put(client, upload, 0, data))
    assert await asyncio.to_thread(is_whole.wait, 20)
    former = await until_begun(library, upload)
    async with half_a_part(base_url, upload, b"x" * 600):
        await until_begun(library, upload, after=former)
        go_on.set()
        answer = await sending
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    assert (await complete(client, upload)).json()["error"]["details"] == {"missing": [0]}


async def test_an_upload_that_is_deleted_gives_its_space_back_while_a_part_comes(
    client: httpx.AsyncClient, base_url: str, library: Library
) -> None:
    upload = await begin(client, 2 * PART_BYTES)
    async with half_a_part(base_url, upload, b"x" * 600):
        await until_written(library, upload)
        assert opened(upload) == 1
        assert (await client.delete(f"/api/uploads/{upload['id']}")).status_code == 204
        assert opened(upload) == 0
    assert waiting(library) == []


async def test_fifty_senders_of_one_part_leave_the_bytes_of_one(
    client: httpx.AsyncClient, library: Library
) -> None:
    upload = await begin(client, PART_BYTES)
    bodies = [bytes([number]) * PART_BYTES for number in range(50)]
    answers = await asyncio.gather(*(put(client, upload, 0, body) for body in bodies))
    assert {answer.status_code for answer in answers} <= {200, 409}
    answer = await complete(client, upload)
    if answer.status_code == 409:
        # Each was overtaken by one that had begun later and was overtaken too.
        assert (await put(client, upload, 0, bodies[0])).status_code == 200
        assert (await complete(client, upload)).status_code == 201
    [kept] = stored(library)
    assert kept in bodies
