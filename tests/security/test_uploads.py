from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.asset_app import Library, build_app, open_library, serve
from tests.security.tables import BAD_NAMES, ENCODED_NAMES

LIMIT_BYTES = 1_000_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    (tmp_path / "canary.txt").write_text("alive")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    async with open_library(inner, max_upload_bytes=LIMIT_BYTES) as opened:
        yield opened
    assert (tmp_path / "canary.txt").read_text() == "alive"
    assert sorted(os.listdir(tmp_path)) == ["a", "canary.txt"]
    assert os.listdir(tmp_path / "a") == ["b"]


@pytest.fixture
async def base_url(library: Library) -> AsyncIterator[str]:
    async with serve(build_app(library)) as url:
        yield url


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=base_url, headers={"Authorization": "Bearer ann"}, timeout=30
    ) as opened:
        yield opened


def part(name: str, value: bytes, extra: bytes = b"") -> bytes:
    head = b'--sep\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + extra
    return head + b"\r\n\r\n" + value + b"\r\n"


def form(data: bytes, file_path: str, file_name: bytes = b"x") -> bytes:
    return (
        part("content_type", b"image/png")
        + part("file_path", file_path.encode())
        + part("file", data, b'; filename="' + file_name + b'"')
        + b"--sep--\r\n"
    )


async def post(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await client.post(
        "/api/v2/assets",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=sep"},
    )


async def test_a_bad_path_is_refused_and_touches_nothing(
    client: httpx.AsyncClient, library: Library
) -> None:
    known = (await post(client, form(b"data", "good.txt"))).json()["hash"]
    for name in BAD_NAMES:
        answer = await post(client, form(b"overwritten", name))
        assert answer.status_code == 422, (name, answer.text)
        answer = await client.post(
            "/api/v2/assets/from-hash", json={"hash": known, "file_path": name}
        )
        assert answer.status_code == 422, (name, answer.text)
    assert [path.read_bytes() for path in library.files()] == [b"data"]


async def test_the_file_parts_own_name_means_nothing(
    client: httpx.AsyncClient, library: Library
) -> None:
    for number, name in enumerate(name for name in BAD_NAMES if len(name) < 1000):
        answer = await post(client, form(b"%d" % number, "good.txt", name.encode()))
        if "\r\n" in name:
            assert answer.status_code in (201, 400)
        else:
            assert answer.json()["file_path"] == "good.txt", name
    assert await asyncio.to_thread(outside, library) == []


def outside(library: Library) -> list[Path]:
    """Files that are neither blobs nor the database's."""
    known = {*library.files(), *library.folder.glob("studio.db*")}
    return [path for path in library.folder.rglob("*") if path.is_file() and path not in known]


async def test_hostile_ids_and_hashes_are_not_found(client: httpx.AsyncClient) -> None:
    for name in ENCODED_NAMES:
        for method, path in (
            ("GET", f"/api/v2/assets/{name}"),
            ("DELETE", f"/api/v2/assets/{name}"),
            ("GET", f"/api/v2/assets/{name}/content"),
            ("HEAD", f"/api/v2/assets/by-hash/{name}"),
            ("HEAD", f"/api/v2/assets/by-hash/blake3:{name}"),
            ("GET", f"/api/assets/{name}/thumbnail"),
        ):
            answer = await client.request(method, path)
            assert answer.status_code in (400, 404, 405), (method, path, answer.status_code)
            assert b"alive" not in answer.content


HOSTILE = {
    "html": b"<!DOCTYPE html><script>fetch('/api/keys')</script>",
    "html after text": b"hello\n<script>alert(1)</script>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "xhtml": b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
    "utf-16 html": "<script>alert(1)</script>".encode("utf-16"),
    "script": b"import x from '/api/keys'; alert(1)",
    "pdf": b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript >> >>",
}
POLYGLOTS = {
    "gif and script": b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)",
    "png and html": b"\x89PNG\r\n\x1a\n" + b"\0" * 20 + b"<script>alert(1)</script>",
    "jpeg and html": b"\xff\xd8\xff\xe0" + b"\0" * 20 + b"<html><script>alert(1)</script>",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_active_content_named_as_a_picture_is_only_downloaded(
    client: httpx.AsyncClient, kind: str
) -> None:
    for name in ("cat.png", "cat.jpg", "cat.txt"):
        body = (await post(client, form(HOSTILE[kind], name))).json()
        answer = await client.get(body["url"])
        assert answer.content == HOSTILE[kind]
        assert not body["content_type"].startswith(("image/png", "image/jpeg"))
        assert answer.headers["content-disposition"].startswith("attachment")
        assert_inert(answer)


@pytest.mark.parametrize("kind", POLYGLOTS)
async def test_a_polyglot_is_never_more_than_a_picture(
    client: httpx.AsyncClient, kind: str
) -> None:
    body = (await post(client, form(POLYGLOTS[kind], "x.html"))).json()
    answer = await client.get(body["url"])
    assert answer.headers["content-type"] in ("image/gif", "image/png", "image/jpeg")
    assert_inert(answer)


def assert_inert(answer: httpx.Response) -> None:
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_an_empty_file_is_refused(client: httpx.AsyncClient, library: Library) -> None:
    answer = await post(client, form(b"", "a.png"))
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "The file is empty."
    assert library.files() == []


def png(width: int, height: int, rows: bytes = b"\0") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        size, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return size + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
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


async def test_a_picture_too_large_to_decode_has_no_thumbnail(client: httpx.AsyncClient) -> None:
    body = (await post(client, form(png(16_000, 16_000), "big.png"))).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    assert answer.status_code == 404


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


async def test_a_linked_blob_is_not_followed(client: httpx.AsyncClient, library: Library) -> None:
    body = (await post(client, form(b"data", "a.txt"))).json()
    path = library.blobs.path(body["hash"])
    path.unlink()
    path.symlink_to("/etc/passwd")
    answer = await client.get(body["url"])
    assert answer.status_code == 404
    assert b"root:" not in answer.content
