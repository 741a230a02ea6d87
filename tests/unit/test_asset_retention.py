from __future__ import annotations

import asyncio
import sqlite3

import pytest

from studio.clock import new_id
from studio.errors import AssetInUse, MissingAsset, NotFound
from studio.models import Asset
from tests.fakes.asset_app import ANN, BEN, Library
from tests.unit.asset_library import library as library
from tests.unit.asset_library import reference, upload


async def test_bytes_go_with_the_last_asset_that_has_them(library: Library) -> None:
    first = await upload(library, b"shared")
    second = await upload(library, b"shared", identity=BEN)
    await library.service.delete(ANN, first.id)
    _, path = await library.service.open_content(BEN, second.id)
    assert path.read_bytes() == b"shared"
    await library.service.delete(BEN, second.id)
    assert library.files() == []
    with pytest.raises(NotFound):
        await library.service.delete(BEN, second.id)


async def test_deleting_and_uploading_the_same_bytes_at_once_loses_nothing(
    library: Library,
) -> None:
    for _ in range(30):
        old = await upload(library, b"contested")
        _, new = await asyncio.gather(
            library.service.delete(ANN, old.id), upload(library, b"contested")
        )
        _, path = await library.service.open_content(ANN, new.id)
        assert path.read_bytes() == b"contested"
        await library.service.delete(ANN, new.id)


@pytest.mark.parametrize("status", ["queued", "running", "canceling"])
async def test_an_input_of_an_unfinished_job_is_held(library: Library, status: str) -> None:
    asset = await upload(library, b"input", expires_in=60)
    await library.add_job("j1", status=status)
    await library.add_input("j1", asset.id)
    with pytest.raises(AssetInUse):
        await library.service.delete(ANN, asset.id)
    library.clock.advance(61)
    assert await library.store.purge(library.clock.now_ms()) == 0
    with pytest.raises(NotFound):
        await library.service.get(ANN, asset.id)
    assert (await library.service.open_for_job(asset.id))[1].read_bytes() == b"input"
    await library.end_job("j1")
    assert await library.store.purge(library.clock.now_ms()) == 1
    assert library.files() == []


async def test_an_input_of_a_finished_job_can_be_deleted(library: Library) -> None:
    asset = await upload(library, b"input")
    await library.add_job("j1", status="succeeded", done=True)
    await library.add_input("j1", asset.id)
    await library.service.delete(ANN, asset.id)
    assert library.files() == []


async def test_a_rolled_back_transaction_leaves_a_row_for_every_file(library: Library) -> None:
    staged = await library.service.stage_bytes(b"never committed")

    def work(connection: sqlite3.Connection) -> None:
        asset = Asset(
            new_id(), "ann", staged.hash, staged.size_bytes, "text/plain", "x", 1, job_id="none",
            node_id="1", output_index=0,
        )  # fmt: skip
        library.store.add_output(connection, asset, staged)

    with pytest.raises(sqlite3.IntegrityError):
        await library.db.write(work)
    kept = await upload(library, b"kept")
    report = await library.store.sweep()
    assert report.missing == ()
    await library.service.open_content(ANN, kept.id)
    await library.store.discard([staged])
    await library.store.sweep()
    assert len(library.files()) == 1


async def test_a_sweep_removes_what_no_row_knows(library: Library) -> None:
    kept = await upload(library, b"kept")
    orphan = await library.service.stage_bytes(b"orphan")
    library.blobs.publish(orphan)
    library.blobs.release(orphan)
    stale = library.folder / "assets" / "tmp" / "left.over"
    stale.write_bytes(b"x")
    await library.db.write(
        lambda connection: connection.execute(
            "INSERT INTO blobs VALUES (?, 6, 1)", ("blake3:" + "e" * 64,)
        )
    )
    report = await library.store.sweep()
    assert (report.removed, report.missing) == (2, ())
    assert library.files() == [library.blobs.path(kept.hash)]


async def test_a_sweep_after_a_recovery_keeps_what_no_row_knows(library: Library) -> None:
    orphan = await library.service.stage_bytes(b"newer than the snapshot")
    library.blobs.publish(orphan)
    await library.db.write(
        lambda connection: connection.execute("INSERT INTO meta VALUES ('restored_database', '1')")
    )
    report = await library.store.sweep()
    assert report.removed == 0
    assert library.files() == [library.blobs.path(orphan.hash)]


async def test_expired_uploads_are_gone_at_once_and_purged_later(library: Library) -> None:
    asset = await upload(library, b"short", "a.txt", expires_in=60)
    kept = await upload(library, b"long")
    library.clock.advance(60)
    with pytest.raises(NotFound):
        await library.service.get(ANN, asset.id)
    assert not await library.service.exists(ANN, asset.hash)
    with pytest.raises(MissingAsset):
        await library.service.resolve(ANN, [reference(asset_id=asset.id)])
    assert await library.store.purge(library.clock.now_ms()) == 1
    assert library.files() == [library.blobs.path(kept.hash)]
