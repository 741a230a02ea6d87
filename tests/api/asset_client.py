"""The asset routes alone on a real server, and a client of theirs.

Whoever needs a fixture imports it under its own name (`client as client`): pytest finds it there.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from blake3 import blake3
from PIL import Image

from tests.fakes.asset_app import Library, build_app, open_library, serve


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


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


BEN = {"Authorization": "Bearer ben"}


def hash_of(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def picture(size: tuple[int, int] = (30, 20), kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


async def upload(
    client: httpx.AsyncClient,
    data: bytes,
    path: str = "a.txt",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    return await client.post(
        "/api/v2/assets",
        data={"content_type": "text/plain", "file_path": path, **fields},
        files={"file": ("ignored", data)},
        headers=headers,
    )
