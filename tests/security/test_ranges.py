"""Ranges, whatever is asked: bounded work and the right bytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.graphs import code_of
from tests.api.house import House

DATA = bytes(range(256)) * 16


async def upload(house: House) -> dict[str, Any]:
    async with house.client() as owner:
        answer = await owner.post(
            "/api/v2/assets",
            files={"file": ("x", DATA, "application/octet-stream")},
            data={"content_type": "application/octet-stream", "file_path": "ranges.bin"},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.mark.parametrize(
    ("header", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=0-", 206, 0, 4096),
        ("bytes=-5", 206, 4091, 4096),
        ("bytes=-99999", 206, 0, 4096),
        ("bytes=4095-9999999", 206, 4095, 4096),
        ("BYTES = 1 - 2", 206, 1, 3),
        ("bytes=5-2", 200, 0, 4096),
        ("bytes=", 200, 0, 4096),
        ("bytes=-", 200, 0, 4096),
        ("bytes=a-b", 200, 0, 4096),
        ("bytes=0-0,1-1", 200, 0, 4096),
        ("items=0-1", 200, 0, 4096),
        ("bytes=" + "9" * 5000 + "-", 200, 0, 4096),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)), 200, 0, 4096),
        ("bytes=" + "-" * 50_000, 200, 0, 4096),
        ("bytes=" + " " * 50_000 + "0-1", 206, 0, 2),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_range_gives_its_bytes_or_all_of_them(
    house: House, header: str, status: int, start: int, stop: int
) -> None:
    path = f"/api/v2/assets/{(await upload(house))['id']}/content"
    async with house.client() as owner:
        for method in ("GET", "HEAD"):
            answer = await owner.request(method, path, headers={"Range": header})
            assert answer.status_code == status
            assert answer.headers["content-length"] == str(stop - start)
            assert answer.content == (DATA[start:stop] if method == "GET" else b"")
            shown = f"bytes {start}-{stop - 1}/4096" if status == 206 else None
            assert answer.headers.get("content-range") == shown


@pytest.mark.parametrize("header", ["bytes=4096-", "bytes=4096-5000", "bytes=-0"])
async def test_a_range_beyond_the_end_is_not_satisfiable(house: House, header: str) -> None:
    path = f"/api/v2/assets/{(await upload(house))['id']}/content"
    async with house.client() as owner:
        answer = await owner.get(path, headers={"Range": header})
        assert (answer.status_code, code_of(answer)) == (416, "range_not_satisfiable")
        assert answer.headers["content-range"] == "bytes */4096"


async def test_a_changed_file_is_never_continued(house: House) -> None:
    path = f"/api/v2/assets/{(await upload(house))['id']}/content"
    async with house.client() as owner:
        etag = (await owner.head(path)).headers["etag"]
        for condition, status in ((etag, 206), ('"other"', 200)):
            headers = {"Range": "bytes=10-19", "If-Range": condition}
            assert (await owner.get(path, headers=headers)).status_code == status
        for condition, status in ((etag, 304), ('"other"', 200), (f'"x", W/{etag}', 304)):
            answer = await owner.get(path, headers={"If-None-Match": condition})
            assert answer.status_code == status
