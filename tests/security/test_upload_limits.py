from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import httpx
import pytest

from tests.fakes.asset_app import Library
from tests.security.upload_client import base_url as base_url
from tests.security.upload_client import client as client
from tests.security.upload_client import form, part, post
from tests.security.upload_client import library as library

ROOT = Path(__file__).parents[2]


async def test_an_empty_file_is_refused(client: httpx.AsyncClient, library: Library) -> None:
    answer = await post(client, form(b"", "a.png"))
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "The file is empty."
    assert library.files() == []


def png(width: int, height: int, rows: bytes = b"\0", *, bits: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        size, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return size + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


async def test_a_picture_of_sixty_thousand_pixels_a_side_is_refused(
    client: httpx.AsyncClient, library: Library
) -> None:
    for name in ("bomb.png", "bomb.txt"):
        answer = await post(client, form(png(60_000, 60_000), name))
        assert answer.status_code == 422
        assert "too large" in answer.json()["error"]["message"]
    assert library.files() == []


@pytest.mark.parametrize(("side", "status"), [(4000, 200), (8200, 404)])
async def test_a_picture_too_large_to_decode_has_no_thumbnail(
    client: httpx.AsyncClient, side: int, status: int
) -> None:
    """Both are whole pictures, of one bit a pixel: only what decoding would take differs."""
    whole = png(side, side, b"\0" * (side // 8 + 1) * side, bits=1, colour=0)
    body = (await post(client, form(whole, "big.png"))).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    assert answer.status_code == status


async def test_ten_thousand_parts_are_refused(client: httpx.AsyncClient, library: Library) -> None:
    body = part("tags", b"x") * 10_000 + form(b"data", "a.txt")
    assert (await post(client, body)).status_code == 400
    assert library.files() == []


async def test_ten_thousand_ranges_are_answered_with_the_whole(client: httpx.AsyncClient) -> None:
    url = (await post(client, form(b"data", "a.txt"))).json()["url"]
    ranges = "bytes=" + ",".join("0-" for _ in range(10_000))
    answer = await client.get(url, headers={"Range": ranges})
    assert (answer.status_code, answer.content) == (200, b"data")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(base_url: str) -> None:
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v2/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n"
        b"Content-Type: multipart/form-data; boundary=sep\r\n"
        b"Content-Length: 1000000000000\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"payload_too_large"' in answer
    writer.close()
    await writer.wait_closed()


async def send_chunked(base_url: str, pieces: int | None) -> bytes:
    """Send a form without a length, of so many pieces or without end; returns the answer."""
    host, port = base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v2/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n"
        b"Content-Type: multipart/form-data; boundary=sep\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    start = part("content_type", b"x") + part("file_path", b"a.bin") + part("file", b"")[:-2]
    sent = 0
    data = start
    try:
        while pieces is None or sent <= pieces:
            writer.write(b"%x\r\n" % len(data) + data + b"\r\n")
            await writer.drain()
            sent += 1
            data = b"x" * 65_536
        writer.write(b"0\r\n\r\n")
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_client_that_sends_too_much_gets_its_answer(
    base_url: str, library: Library
) -> None:
    answer = await asyncio.wait_for(send_chunked(base_url, 100), 30)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"payload_too_large"' in answer
    assert b"connection: close" in answer
    assert library.files() == []


async def test_a_client_that_never_stops_is_cut_off(base_url: str, library: Library) -> None:
    await asyncio.wait_for(send_chunked(base_url, None), 30)
    assert library.files() == []


@pytest.mark.parametrize(
    "head", [b"X: " + b"y" * 100_000 + b"\r\n", b"".join(b"X%d: y\r\n" % n for n in range(1000))]
)
async def test_endless_part_headers_are_refused(client: httpx.AsyncClient, head: bytes) -> None:
    answer = await post(client, b"--sep\r\n" + head + b"\r\nx\r\n--sep--\r\n")
    assert answer.status_code == 400


async def test_an_upload_that_is_cut_off_leaves_nothing(base_url: str, library: Library) -> None:
    host, port = base_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = form(b"x" * 900_000, "a.bin")
    writer.write(
        b"POST /api/v2/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n"
        b"Content-Type: multipart/form-data; boundary=sep\r\n"
        b"Idempotency-Key: k1\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    writer.write(body[:800_000])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(
        base_url=base_url, headers={"Authorization": "Bearer ann"}
    ) as client:
        for _ in range(500):
            answer = await client.post(
                "/api/v2/assets",
                content=form(b"whole", "a.bin"),
                headers={
                    "Content-Type": "multipart/form-data; boundary=sep",
                    "Idempotency-Key": "k1",
                },
            )
            if answer.status_code == 201:
                break
            assert answer.json()["error"]["code"] == "idempotency_key_reuse"
            await asyncio.sleep(0.01)
    assert answer.status_code == 201
    assert [path.read_bytes() for path in library.files()] == [b"whole"]


async def test_fifty_uploads_at_once_with_one_key_store_one(
    client: httpx.AsyncClient, library: Library
) -> None:
    async def send(number: int) -> int:
        answer = await client.post(
            "/api/v2/assets",
            content=form(f"data {number}".encode() * 1000, "a.bin"),
            headers={
                "Content-Type": "multipart/form-data; boundary=sep",
                "Idempotency-Key": "one",
            },
        )
        return answer.status_code

    statuses = await asyncio.gather(*(send(number) for number in range(50)))
    assert sorted(statuses) == [201] + [422] * 49
    assert len(library.files()) == 1


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
import httpx
from tests.fakes.asset_app import build_app, open_library, serve

SIZE = int(sys.argv[2])

async def body():
    yield (b'--sep\\r\\nContent-Disposition: form-data; name="content_type"\\r\\n\\r\\nx\\r\\n'
           b'--sep\\r\\nContent-Disposition: form-data; name="file_path"\\r\\n\\r\\na.bin\\r\\n'
           b'--sep\\r\\nContent-Disposition: form-data; name="file"; filename="x"\\r\\n\\r\\n')
    piece = b"\\0\\1" * 32768
    for _ in range(SIZE // len(piece)):
        yield piece
    yield b"\\r\\n--sep--\\r\\n"

async def main():
    async with open_library(Path(sys.argv[1]), max_upload_bytes=SIZE) as library:
        async with serve(build_app(library)) as url, httpx.AsyncClient(timeout=120) as client:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            answer = await client.post(f"{url}/api/v2/assets", content=body(), headers={
                "Content-Type": "multipart/form-data; boundary=sep"})
            assert answer.status_code == 201, answer.text
            assert answer.json()["size_bytes"] == SIZE
            received = 0
            async with client.stream("GET", answer.json()["url"]) as content:
                async for chunk in content.aiter_raw():
                    received += len(chunk)
            assert received == SIZE
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_large_upload_and_download_need_little_memory(tmp_path: Path) -> None:
    size_bytes = 192 * 1024 * 1024
    grown_kib = int(run_child(MEMORY, str(tmp_path), str(size_bytes)))
    assert grown_kib < 48 * 1024


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from studio.errors import DiskFull
from studio.services.upload_fields import UploadFields
from tests.fakes.asset_app import ANN, open_library

async def chunks(count):
    for _ in range(count):
        yield b"x" * 100_000

async def main():
    async with open_library(Path(sys.argv[1])) as library:
        soft = (2_000_000, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, soft)
        for hint in (None, 5_000_000):
            try:
                await library.service.upload(ANN, chunks(50), UploadFields("a.bin"),
                                             idempotency_key="k", size_hint=hint)
            except DiskFull as error:
                assert error.code == "disk_full"
            else:
                sys.exit("it was stored")
            assert library.files() == []
        small, _ = await library.service.upload(ANN, chunks(1), UploadFields("small.bin"))
        _, path = await library.service.open_content(ANN, small.id)
        assert path.stat().st_size == 100_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await library.service.upload(ANN, chunks(50), UploadFields("a.bin"), idempotency_key="k")
        print(len(library.files()))

asyncio.run(main())
"""


def test_a_full_disk_refuses_the_upload_and_nothing_else(tmp_path: Path) -> None:
    assert run_child(FULL_DISK, str(tmp_path)) == "2"


def run_child(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
