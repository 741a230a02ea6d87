from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from studio.clock import new_id
from studio.errors import IdempotencyKeyReuse, Unprocessable
from studio.models import Asset
from studio.services.upload_fields import UploadFields
from tests.fakes.asset_app import ANN, BEN, Library
from tests.unit.asset_library import library as library
from tests.unit.asset_library import upload


async def test_fifty_uploads_with_one_key_store_one_asset(library: Library) -> None:
    results = await asyncio.gather(
        *(upload(library, f"data {n}".encode(), key="k1") for n in range(50)),
        return_exceptions=True,
    )
    stored = [result for result in results if isinstance(result, Asset)]
    refused = [result for result in results if isinstance(result, IdempotencyKeyReuse)]
    assert (len(stored), len(refused)) == (1, 49)
    assert len(library.files()) == 1


async def test_a_key_of_an_upload_under_way_is_refused_before_any_byte_is_read(
    library: Library,
) -> None:
    started = asyncio.Event()
    asked: list[str] = []

    async def stalled() -> AsyncIterator[bytes]:
        started.set()
        await asyncio.Event().wait()
        yield b""

    async def unread() -> AsyncIterator[bytes]:
        asked.append("for a byte")
        yield b"x"

    fields = UploadFields("a.txt")
    first = asyncio.create_task(
        library.service.upload(ANN, stalled(), fields, idempotency_key="k1")
    )
    await asyncio.wait_for(started.wait(), 10)
    with pytest.raises(IdempotencyKeyReuse):
        await library.service.upload(ANN, unread(), fields, idempotency_key="k1")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await upload(library, b"x", key="k1")
    with pytest.raises(IdempotencyKeyReuse):
        await library.service.upload(ANN, unread(), fields, idempotency_key="k1")
    assert asked == []


async def test_the_database_itself_refuses_a_used_key(library: Library) -> None:
    asset = await upload(library, b"x")
    for number in range(2):
        staged = await library.service.stage_bytes(b"other")
        other = replace(asset, id=new_id(), hash=staged.hash, size_bytes=staged.size_bytes)
        if number == 0:
            await library.store.add(other, staged, idempotency_key="asset:k")
        else:
            with pytest.raises(IdempotencyKeyReuse):
                await library.store.add(other, staged, idempotency_key="asset:k")


async def test_a_key_is_single_use_for_a_day_and_belongs_to_one_user(library: Library) -> None:
    await upload(library, b"x", key="k1")
    with pytest.raises(IdempotencyKeyReuse):
        await upload(library, b"x", key="k1")
    await upload(library, b"x", identity=BEN, key="k1")
    library.clock.advance(86_401)
    await upload(library, b"x", key="k1")


async def test_a_key_is_free_again_after_an_upload_that_failed(library: Library) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"", key="k1")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await library.service.upload(ANN, broken(), UploadFields("a.txt"), idempotency_key="k1")
    assert library.files() == []
    assert await upload(library, b"x", key="k1")


async def test_a_key_of_a_job_is_not_used_up_by_an_upload(library: Library) -> None:
    await upload(library, b"x", key="k1")
    rows = await library.db.read(
        lambda connection: connection.execute("SELECT key FROM idempotency_keys").fetchall()
    )
    assert [row["key"] for row in rows] == ["asset:k1"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ü", "a\nb"])
async def test_a_strange_key_is_refused(library: Library, key: str) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"x", key=key)
