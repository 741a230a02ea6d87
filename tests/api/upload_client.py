"""What the tests of uploads in parts ask for again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.fakes.asset_app import PART_BYTES, Library


async def begin(
    client: httpx.AsyncClient, size_bytes: int, name: str = "film.bin", **fields: Any
) -> dict[str, Any]:
    """Announce a file that is not there yet."""
    body = {"name": name, "size_bytes": size_bytes, **fields}
    answer = await client.post("/api/uploads", json=body)
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    return upload


async def put(
    client: httpx.AsyncClient, upload: dict[str, Any], number: int, data: bytes
) -> httpx.Response:
    """Send the part of ``data`` with that number."""
    size_bytes = upload["part_bytes"]
    part = data[number * size_bytes : (number + 1) * size_bytes]
    return await client.put(f"/api/uploads/{upload['id']}/parts/{number}", content=part)


async def complete(client: httpx.AsyncClient, upload: dict[str, Any]) -> httpx.Response:
    return await client.post(f"/api/uploads/{upload['id']}/complete")


async def send(
    client: httpx.AsyncClient, data: bytes, name: str = "film.bin", **fields: Any
) -> dict[str, Any]:
    """Upload all of it; the asset."""
    upload = await begin(client, len(data), name, **fields)
    for number in range(upload["parts"]):
        answer = await put(client, upload, number, data)
        assert answer.status_code == 200, answer.text
    answer = await complete(client, upload)
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()["asset"]
    return asset


def noise(parts: float) -> bytes:
    """Bytes for so many parts, each part unlike the others."""
    return b"".join(b"%07d\n" % number for number in range(int(parts * PART_BYTES) // 8))


def waiting(library: Library) -> list[Path]:
    """Files of uploads that are not complete."""
    return [path for path in library.files() if path.parent.name == "uploads"]


def stored(library: Library) -> list[bytes]:
    """What lies where assets lie."""
    return [path.read_bytes() for path in library.files() if path.parent.name != "uploads"]
