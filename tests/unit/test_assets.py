from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from studio.errors import (
    BlobNotFound,
    Forbidden,
    HashMismatch,
    NotFound,
    PayloadTooLarge,
    StorageUnavailable,
    Unprocessable,
)
from studio.services.upload_fields import UploadFields
from tests.fakes.asset_app import ANN, BEN, OWNER, Library
from tests.unit.asset_library import chunks_of, upload
from tests.unit.asset_library import library as library


async def test_an_upload_comes_back_as_it_was(library: Library) -> None:
    data = b"some words " * 500_000
    asset = await upload(library, data, "notes/a.txt")
    found, path = await library.service.open_content(ANN, asset.id)
    assert found == asset
    assert path.read_bytes() == data
    assert (asset.size_bytes, asset.content_type) == (len(data), "text/plain")
    assert (asset.file_path, asset.tags, asset.expires_at) == ("notes/a.txt", ("input",), None)


async def test_the_same_bytes_are_stored_once(library: Library) -> None:
    fields = UploadFields("a.txt")
    _, first = await library.service.upload(ANN, chunks_of(b"same"), fields)
    _, again = await library.service.upload(ANN, chunks_of(b"same"), fields)
    assert (first, again) == (True, False)
    assert len(library.files()) == 1


async def test_nobody_learns_from_an_upload_that_others_have_the_bytes(library: Library) -> None:
    await upload(library, b"secret", identity=BEN)
    _, created = await library.service.upload(ANN, chunks_of(b"secret"), UploadFields("a.txt"))
    assert created
    assert len(library.files()) == 1


async def test_another_users_asset_does_not_exist(library: Library) -> None:
    asset = await upload(library, b"mine")
    for action in (library.service.get, library.service.open_content, library.service.delete):
        with pytest.raises(NotFound):
            await action(BEN, asset.id)
    assert not await library.service.exists(BEN, asset.hash)
    with pytest.raises(BlobNotFound):
        await library.service.from_hash(BEN, asset.hash)
    assert await library.service.get(ANN, asset.id) == asset


async def test_the_owner_sees_everything(library: Library) -> None:
    asset = await upload(library, b"anns")
    assert await library.service.get(OWNER, asset.id) == asset


async def test_a_wrong_hash_stores_nothing(library: Library) -> None:
    with pytest.raises(HashMismatch):
        await upload(library, b"data", expected_hash="blake3:" + "0" * 64)
    assert library.files() == []
    asset = await upload(library, b"data")
    assert await upload(
        library, b"data", expected_hash=asset.hash.upper().replace("BLAKE3", "blake3")
    )


async def test_an_upload_past_the_limit_stores_nothing(library: Library) -> None:
    with pytest.raises(PayloadTooLarge):
        await upload(library, b"x" * (library.service.max_upload_bytes + 1))
    assert library.files() == []


async def test_an_empty_upload_is_refused(library: Library) -> None:
    with pytest.raises(Unprocessable, match="empty"):
        await upload(library, b"")
    assert library.files() == []


@pytest.mark.parametrize("path", ["models/checkpoints/x.safetensors", "Models/x", "MODELS"])
async def test_models_are_not_uploaded_as_assets(library: Library, path: str) -> None:
    with pytest.raises(Forbidden):
        await upload(library, b"x", path, ANN)
    with pytest.raises(Unprocessable):
        await upload(library, b"x", path, BEN)
    assert library.files() == []


@pytest.mark.parametrize("expires_in", [0, 59, 604_801, -1])
async def test_retention_has_bounds(library: Library, expires_in: int) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"x", expires_in=expires_in)


async def test_a_declared_type_is_believed_only_where_bytes_say_nothing(library: Library) -> None:
    unknown = b"\0\1\2\3" * 10
    assert (await upload(library, unknown, declared_type="image/x-raw")).content_type == (
        "image/x-raw"
    )
    for lie in ("text/html", "image/svg+xml", "application/javascript", "nonsense"):
        found = await upload(library, unknown, declared_type=lie)
        assert found.content_type == "application/octet-stream"
    assert (await upload(library, b"<html>", "a.png", declared_type="image/png")).content_type == (
        "text/html"
    )


async def test_a_cancelled_upload_leaves_nothing(library: Library) -> None:
    arrived = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(library.service.upload(ANN, slow(), UploadFields("a.bin")))
    await asyncio.wait_for(arrived.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(1000):
        if not library.files():
            break
        await asyncio.sleep(0.01)
    assert library.files() == []


async def test_bytes_you_have_need_not_be_sent_again(library: Library) -> None:
    first = await upload(library, b"known", "a.txt")
    assert await library.service.exists(ANN, first.hash)
    library.clock.advance(1)
    minted, created = await library.service.from_hash(ANN, first.hash, file_path="b.txt")
    assert created
    assert (minted.hash, minted.size_bytes, minted.content_type, minted.file_path) == (
        first.hash,
        5,
        "text/plain",
        "b.txt",
    )
    named, created = await library.service.from_hash(ANN, first.hash)
    assert (named.file_path, created) == ("b.txt", False)


async def test_the_same_reference_is_returned_and_lives_longer(library: Library) -> None:
    first = await upload(library, b"known", "a.txt", expires_in=100)
    again, created = await library.service.from_hash(
        ANN, first.hash, file_path="a.txt", expires_in=60
    )
    assert (again, created) == (first, False)
    again, _ = await library.service.from_hash(ANN, first.hash, file_path="a.txt", expires_in=200)
    assert (again.id, again.expires_at) == (first.id, library.clock.now_ms() + 200_000)
    again, _ = await library.service.from_hash(ANN, first.hash, file_path="a.txt")
    assert (again.id, again.expires_at) == (first.id, None)


async def test_bytes_that_are_lost_on_disk_can_be_sent_again(library: Library) -> None:
    asset = await upload(library, b"lost")
    library.blobs.path(asset.hash).unlink()
    assert not await library.service.exists(ANN, asset.hash)
    with pytest.raises(BlobNotFound):
        await library.service.from_hash(ANN, asset.hash, file_path="x")
    with pytest.raises(BlobNotFound):
        await library.service.open_content(ANN, asset.id)
    assert (await library.store.sweep()).missing == (asset.hash,)
    await upload(library, b"lost")
    _, path = await library.service.open_content(ANN, asset.id)
    assert path.read_bytes() == b"lost"


async def test_nothing_is_stored_while_another_studio_holds_the_volume(library: Library) -> None:
    library.db.halt("another Studio runs here")
    with pytest.raises(StorageUnavailable):
        await upload(library, b"x")
    assert library.files() == []
