"""Uploads by hand to a library in the middle of a folder that nothing else may touch.

Whoever needs a fixture imports it under its own name (`client as client`): pytest finds it there.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.fakes.asset_app import Library, open_library

LIMIT_BYTES = 1_000_000


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
