"""Uploads in parts to a real Studio: cut lines, kill -9, little memory, a disk without room."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from blake3 import blake3

from tests.faults.harness import KEY, Process, process, until_it
from tests.faults.test_restart_states import assert_files_match

MIB = 1024 * 1024
PART_BYTES = 16 * MIB


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Process]:
    """A Studio without an engine: ``/ready`` says 503, and it takes uploads."""
    with process(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def serving(studio: Process) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client, once Studio takes requests."""
    async with studio.api(503) as api:

        async def answers() -> bool:
            return (await api.client.get("/api/uploads")).status_code == 200

        await until_it(answers, "it takes requests")
        yield api.client


def part(number: int, size_bytes: int = PART_BYTES) -> bytes:
    """Bytes that are each time the same and unlike those of any other part."""
    return random.Random(number).randbytes(size_bytes)


async def begin(client: httpx.AsyncClient, size_bytes: int, name: str) -> str:
    answer = await client.post("/api/uploads", json={"name": name, "size_bytes": size_bytes})
    assert answer.status_code == 201, answer.text
    assert answer.json()["part_bytes"] == PART_BYTES
    return f"/api/uploads/{answer.json()['id']}"


async def put(client: httpx.AsyncClient, address: str, number: int, data: bytes) -> None:
    answer = await client.put(f"{address}/parts/{number}", content=data)
    assert answer.status_code == 200, answer.text


async def complete(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    answer = await client.post(f"{address}/complete")
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()["asset"]
    return asset


async def cut_off(studio: Process, address: str, number: int, data: bytes) -> None:
    """Begin a part, send ``data`` of it, hang up."""
    _, writer = await asyncio.open_connection("127.0.0.1", studio.port)
    writer.write(
        f"PUT {address}/parts/{number} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Length: {PART_BYTES}\r\n\r\n".encode()
    )
    writer.write(data)
    await writer.drain()
    writer.transport.abort()


def peak_kib(studio: Process) -> int:
    """The most memory that Studio's process ever had."""
    assert studio.child is not None
    status = Path(f"/proc/{studio.child.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


async def test_a_large_file_survives_a_cut_line_and_a_kill_and_needs_little_memory(
    studio: Process,
) -> None:
    sizes = [PART_BYTES] * 12 + [8 * MIB]
    whole = blake3()
    for number, size_bytes in enumerate(sizes):
        whole.update(part(number, size_bytes))
    studio.start()
    async with serving(studio) as client:
        address = await begin(client, sum(sizes), "film.bin")
        for number in (12, 0, 5):
            await put(client, address, number, part(number, sizes[number]))
        await cut_off(studio, address, 5, b"x" * 9 * MIB)
        await cut_off(studio, address, 7, b"x" * 9 * MIB)
        await asyncio.gather(*(put(client, address, n, part(n, sizes[n])) for n in (1, 2, 3, 4)))
        await cut_off(studio, address, 8, b"x" * 9 * MIB)
        studio.kill()
    studio.start()
    async with serving(studio) as client:
        received = (await client.get(address)).json()["received"]
        assert {0, 1, 2, 3, 4, 12} <= set(received)
        assert not {7, 8} & set(received)
        before_kib = peak_kib(studio)
        missing = sorted(set(range(13)) - set(received))
        await asyncio.gather(*(put(client, address, n, part(n, sizes[n])) for n in missing))
        asset = await complete(client, address)
        grown_kib = peak_kib(studio) - before_kib
        assert (asset["hash"], asset["size_bytes"]) == (f"blake3:{whole.hexdigest()}", sum(sizes))
        assert (await complete(client, address))["id"] == asset["id"]
        assert grown_kib < 48 * 1024
        studio.terminate()
    assert_files_match(studio)


async def test_what_came_whole_is_there_after_a_kill_before_the_end(studio: Process) -> None:
    studio.start()
    async with serving(studio) as client:
        address = await begin(client, PART_BYTES + 5, "film.bin")
        await put(client, address, 0, part(0))
        await put(client, address, 1, b"12345")
        studio.kill()
    studio.start()
    async with serving(studio) as client:
        asset = await complete(client, address)
        content = (await client.get(f"/api/v2/assets/{asset['id']}/content")).content
        assert content == part(0) + b"12345"
        studio.terminate()
    assert_files_match(studio)


@pytest.mark.parametrize("after_ms", [0, 5, 15, 30, 60])
async def test_a_kill_while_it_is_completed_leaves_the_upload_or_the_asset(
    studio: Process, after_ms: int
) -> None:
    studio.start()
    async with serving(studio) as client:
        address = await begin(client, PART_BYTES, "film.bin")
        await put(client, address, 0, part(0))
        asking = asyncio.create_task(client.post(f"{address}/complete"))
        await asyncio.sleep(after_ms / 1000)
        studio.kill()
        await asyncio.gather(asking, return_exceptions=True)
    studio.start()
    async with serving(studio) as client:
        upload = (await client.get(address)).json()
        assert upload["received"] == [0]
        asset = await complete(client, address)
        assert upload["asset_id"] in (None, asset["id"])
        content = (await client.get(f"/api/v2/assets/{asset['id']}/content")).content
        assert content == part(0)
        studio.terminate()
    assert_files_match(studio)


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * MIB, 64 * MIB))


async def test_without_room_it_is_refused_at_once_and_smaller_ones_pass(studio: Process) -> None:
    studio.start(before=small_files)
    async with serving(studio) as client:
        body = {"name": "large.bin", "size_bytes": 65 * MIB}
        answer = await client.post("/api/uploads", json=body)
        assert answer.status_code == 507
        assert answer.json()["error"]["code"] == "disk_full"
        assert answer.json()["error"]["details"]["size_bytes"] == 65 * MIB
        assert (await client.get("/api/uploads")).json() == {"uploads": []}
        address = await begin(client, 3 * MIB, "small.bin")
        await put(client, address, 0, part(0, 3 * MIB))
        assert (await complete(client, address))["size_bytes"] == 3 * MIB
        studio.terminate()
    assert_files_match(studio)


async def test_a_part_may_be_larger_than_other_bodies_and_never_larger_than_a_part(
    tmp_path: Path,
) -> None:
    with process(tmp_path, MAX_BODY_MB="1", MAX_ASSET_GIB="1") as studio:
        studio.start()
        async with serving(studio) as client:
            address = await begin(client, 2 * PART_BYTES, "film.bin")
            await put(client, address, 0, part(0))

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield bytes(MIB)

            # Whoever never stops is cut off, and may not see the answer.
            with contextlib.suppress(httpx.TransportError):
                answer = await client.put(f"{address}/parts/1", content=endless())
                assert answer.status_code == 422
            assert (await client.get(address)).json()["received"] == [0]
            body = {"name": "x", "size_bytes": 1024 * MIB + 1}
            answer = await client.post("/api/uploads", json=body)
            assert answer.json()["error"]["code"] == "payload_too_large"
