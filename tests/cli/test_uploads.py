"""Large files from the command line: in parts, over lines that break, and only once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

from studio.cli import uploading
from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.cli.screen import Screen
from studio.cli.uploading import upload_file
from tests.api.asset_client import hash_of
from tests.api.upload_client import noise, stored
from tests.cli.program import Place
from tests.fakes.asset_app import Library, build_app, open_library, serve


@dataclass
class BadLine:
    """A port that passes everything on to another, and hangs up now and then."""

    port: int = 0
    cuts_bytes: list[int] = field(default_factory=list)
    """After how many bytes of a client each next connection is cut; then none is."""
    accepted: int = 0

    @contextlib.asynccontextmanager
    async def open(self, target: str) -> AsyncIterator[str]:
        """Pass on to ``target``; yields the address to use in its place."""
        host, port = target.removeprefix("http://").split(":")

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.accepted += 1
            left = self.cuts_bytes.pop(0) if self.cuts_bytes else None
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            back = asyncio.create_task(_copy(far_reader, writer, None))
            await _copy(reader, far_writer, left)
            writer.transport.abort()
            far_writer.transport.abort()
            await asyncio.gather(back, return_exceptions=True)

        server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
) -> None:
    with contextlib.suppress(ConnectionError):
        while (left is None or left > 0) and (data := await reader.read(left or 65_536)):
            writer.write(data)
            await writer.drain()
            left = None if left is None else left - len(data)


@pytest.fixture
async def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Library]:
    monkeypatch.setattr(uploading, "IN_PARTS_FROM_BYTES", 1500)
    monkeypatch.setattr(uploading, "_FIRST_PAUSE_S", 0.01)
    async with open_library(tmp_path) as opened:
        yield opened


@contextlib.asynccontextmanager
async def client_of(
    url: str, note: Callable[[httpx.Request], Awaitable[None]] | None = None
) -> AsyncIterator[Client]:
    """Ann's client; ``note`` is called before each request."""
    async with httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": "Bearer ann"},
        timeout=30,
        event_hooks={"request": [note] if note else []},
    ) as http:
        yield Client(http)


async def test_a_line_that_breaks_costs_a_part_and_not_the_file(
    library: Library, tmp_path: Path
) -> None:
    data = noise(5.5)
    (tmp_path / "film.bin").write_bytes(data)
    # The first cut is in the announcement, the others are in parts.
    line = BadLine(cuts_bytes=[300, 1500, 700, 3000, 100])
    async with (
        serve(build_app(library)) as url,
        line.open(url) as address,
        client_of(address) as client,
    ):
        asset = await upload_file(client, tmp_path / "film.bin", Screen(quiet=True))
    assert asset["hash"] == hash_of(data)
    assert asset["file_path"] == "film.bin"
    assert line.accepted == 6
    assert stored(library) == [data]


async def test_a_file_that_studio_has_is_not_sent_again(library: Library, tmp_path: Path) -> None:
    (tmp_path / "film.bin").write_bytes(noise(4))
    async with serve(build_app(library)) as url, client_of(url) as client:
        first = await upload_file(client, tmp_path / "film.bin", Screen(quiet=True))
        line = BadLine()
        async with line.open(url) as address, client_of(address) as again:
            # One announcement fits into this, no part does.
            line.cuts_bytes = [900]
            second = await upload_file(again, tmp_path / "film.bin", Screen(quiet=True))
    assert (second["hash"], line.accepted) == (first["hash"], 1)


async def test_what_an_earlier_run_had_begun_is_gone_on_with(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(5)
    (tmp_path / "film.bin").write_bytes(data)
    async with serve(build_app(library)) as url:
        line = BadLine(cuts_bytes=[3600])
        with monkeypatch.context() as impatient:
            impatient.setattr(uploading, "_ATTEMPTS", 1)
            async with line.open(url) as address, client_of(address) as client:
                with pytest.raises(CommandFailed):
                    await upload_file(client, tmp_path / "film.bin", Screen(quiet=True))
        asked = []

        async def note(request: httpx.Request) -> None:
            asked.append(request.url.path.rpartition("/")[2])

        async with client_of(url, note) as client:
            asset = await upload_file(client, tmp_path / "film.bin", Screen(quiet=True))
    assert asked == ["uploads", "2", "3", "4", "complete"]
    assert asset["hash"] == hash_of(data)
    assert stored(library) == [data]


async def test_a_refusal_is_not_asked_for_again(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(noise(3))
    asked = []

    async def note(request: httpx.Request) -> None:
        asked.append(request.url.path.rpartition("/")[2])
        path.write_bytes(noise(4)[1000:])

    async with serve(build_app(library)) as url, client_of(url, note) as client:
        with pytest.raises(CommandFailed) as refused:
            await upload_file(client, path, Screen(quiet=True))
    assert refused.value.reason == "hash_mismatch"
    assert asked == ["uploads", "uploads", "0", "1", "2", "complete"]


async def test_a_gateway_that_has_no_answer_is_asked_again(
    library: Library, tmp_path: Path
) -> None:
    data = noise(2)
    (tmp_path / "film.bin").write_bytes(data)
    app, refusals = build_app(library), [502, 503, 504]

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if refusals and scope["path"].endswith(("/parts/1", "/complete")):
            answer = HTMLResponse("<h1>Bad gateway</h1>", refusals.pop())
            await answer(scope, receive, send)
        else:
            await app(scope, receive, send)

    async with serve(gateway) as url, client_of(url) as client:
        asset = await upload_file(client, tmp_path / "film.bin", Screen(quiet=True))
    assert (asset["hash"], refusals) == (hash_of(data), [])


async def test_a_file_that_cannot_be_read_is_named(library: Library, tmp_path: Path) -> None:
    async with serve(build_app(library)) as url, client_of(url) as client:
        with pytest.raises(CommandFailed, match=r"nothing\.bin cannot be read"):
            await upload_file(client, tmp_path / "nothing.bin", Screen(quiet=True))


def test_a_large_picture_named_in_a_graph_is_uploaded_in_parts(running: Place) -> None:
    folder = running.folder / "large-input"
    folder.mkdir()
    Image.effect_noise((4200, 4200), 90).save(folder / "large.png", compress_level=0)
    assert (folder / "large.png").stat().st_size > uploading.IN_PARTS_FROM_BYTES
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "large.png"}},
        "2": {
            "class_type": "ImageScale",
            "inputs": {
                "image": ["1", 0],
                "upscale_method": "nearest-exact",
                "width": 64,
                "height": 64,
                "crop": "disabled",
            },
        },
        "3": {
            "class_type": "SaveImage",
            "inputs": {"images": ["2", 0], "filename_prefix": "small"},
        },
    }
    ended = running.run("run", running.graph("large-input/graph.json", graph), "--out", "small")
    assert ended.status == 0, ended.err
    assert "Uploading large.png" in ended.err
    assert "% large.png" in ended.err
    with Image.open(running.folder / ended.files[0]) as picture:
        assert picture.size == (64, 64)
