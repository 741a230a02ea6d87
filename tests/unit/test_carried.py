"""Small outputs: their bytes ride in their commit, and leave the database once files are safe."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from studio.errors import StorageUnavailable
from studio.models import Asset
from studio.store import carried as carried_module
from studio.store.blob_writer import SMALL_BYTES
from studio.store.blobs import BlobStore
from studio.store.carried import CarriedBlobs, settle_often
from studio.store.db import Database
from tests.fakes.asset_app import Library
from tests.faults.harness import until
from tests.unit.asset_library import add_output, upload
from tests.unit.asset_library import library as library

DATA = b"a small picture"
TORN = bytes(len(DATA))
LATER_MS = 1 << 62


async def rows(db: Database) -> list[tuple[str, bytes]]:
    """What is in the table."""
    return await db.read(
        lambda connection: [
            (row["hash"], row["data"])
            for row in connection.execute("SELECT hash, data FROM carried_blobs ORDER BY seq")
        ]
    )


async def add_small(library: Library, data: bytes = DATA, job_id: str = "j1") -> Asset:
    await library.add_job(job_id)
    return await add_output(library, job_id, data)


def carried(library: Library) -> CarriedBlobs:
    """As a process that has just started has it."""
    return CarriedBlobs(library.db, BlobStore(library.folder / "assets"))


async def forget(library: Library, asset: Asset) -> None:
    """Let its job go, and the bytes with it."""
    await library.db.write(
        lambda connection: connection.execute("DELETE FROM jobs WHERE id = ?", (asset.job_id,))
    )
    await library.store.collect_garbage([asset.hash])


class Synced(list[Path]):
    """Which files and folders were made durable; ``refused`` ones answer with EIO."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: Path | None = None


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Synced]:
    really, seen = os.fsync, Synced()

    def fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path == seen.refused:
            raise OSError(errno.EIO, "Input/output error")
        seen.append(path)
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    yield seen
    monkeypatch.undo()


# -- in the commit --------------------------------------------------------------------------------


async def test_a_small_outputs_bytes_ride_in_its_commit_and_its_file_is_there_at_once(
    library: Library, synced: Synced
) -> None:
    asset = await add_small(library)
    path = library.blobs.path(asset.hash)
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert library.files() == [path]
    assert synced == []
    assert await rows(library.db) == [(asset.hash, DATA)]


async def test_an_empty_output_is_carried_as_well(library: Library) -> None:
    asset = await add_small(library, b"")
    assert await rows(library.db) == [(asset.hash, b"")]
    library.blobs.path(asset.hash).unlink()
    assert await carried(library).restore() == 1
    assert library.blobs.path(asset.hash).read_bytes() == b""


async def test_only_small_outputs_are_carried_and_larger_ones_are_durable_before(
    library: Library, synced: Synced
) -> None:
    largest = await add_small(library, b"x" * SMALL_BYTES)
    assert synced == []
    await add_small(library, b"x" * (SMALL_BYTES + 1), "j2")
    assert len(synced) >= 2
    assert [row[0] for row in await rows(library.db)] == [largest.hash]


async def test_an_output_that_is_stored_already_is_not_carried_again(library: Library) -> None:
    asset = await add_small(library)
    await add_output(library, "j1", DATA)
    assert await rows(library.db) == [(asset.hash, DATA)]


async def test_a_torn_file_that_a_power_cut_left_is_not_taken_for_an_output(
    library: Library,
) -> None:
    """It has the name and the length; where unknown files are kept it is still there."""
    path = library.blobs.path(f"blake3:{blake3(DATA).hexdigest()}")
    path.write_bytes(TORN)
    asset = await add_small(library)
    assert library.blobs.path(asset.hash) == path
    assert path.read_bytes() == DATA


async def test_an_upload_of_bytes_whose_output_is_not_committed_yet_is_durable(
    library: Library, synced: Synced
) -> None:
    """The output's file is there, but nothing would write it anew after a power cut."""
    kept = library.blobs.keep(DATA)
    assert synced == []
    path = library.blobs.path(kept.hash)
    unsynced = path.stat().st_ino
    asset = await upload(library, DATA)
    assert asset.hash == kept.hash
    # The upload's own file took its place, and was durable before it did.
    assert path.stat().st_ino != unsynced
    assert {one.parent.name for one in synced} >= {"tmp"}
    assert path.parent in synced
    await library.store.discard([kept])
    assert path.read_bytes() == DATA


# -- after a start --------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [None, b"", DATA[:5], TORN, DATA], ids=ascii)
async def test_a_start_writes_files_anew_that_are_not_as_their_row_says(
    library: Library, synced: Synced, left: bytes | None
) -> None:
    asset = await add_small(library)
    path = library.blobs.path(asset.hash)
    if left is None:
        path.unlink()
    else:
        path.write_bytes(left)
    assert await carried(library).restore() == (0 if left == DATA else 1)
    assert path.read_bytes() == DATA
    assert library.files() == [path]
    assert len(synced) == (0 if left == DATA else 2)
    assert await rows(library.db) == [(asset.hash, DATA)]


async def test_a_start_writes_very_many(library: Library) -> None:
    await library.add_job("j1")
    for index in range(450):
        await add_output(library, "j1", f"{index}".encode(), index=index)
    shutil.rmtree(library.folder / "assets")
    assert await carried(library).restore() == 450
    assert sorted(path.read_bytes() for path in library.files()) == sorted(
        f"{index}".encode() for index in range(450)
    )
    assert len(await rows(library.db)) == 450


async def test_bytes_that_nobody_has_are_not_written_at_a_start(library: Library) -> None:
    await forget(library, await add_small(library))
    kept = await add_small(library, b"kept", "j2")
    library.blobs.path(kept.hash).unlink()
    assert len(await rows(library.db)) == 2
    assert await carried(library).restore() == 1
    assert library.files() == [library.blobs.path(kept.hash)]


async def test_a_disk_that_refuses_at_a_start_leaves_the_rows(library: Library) -> None:
    asset = await add_small(library)
    one = carried(library)
    folder = library.blobs.path(asset.hash).parent
    shutil.rmtree(folder)
    with pytest.raises(StorageUnavailable):
        await one.restore()
    assert await rows(library.db) == [(asset.hash, DATA)]
    assert library.files() == []
    folder.mkdir()
    assert await one.restore() == 1
    assert library.blobs.path(asset.hash).read_bytes() == DATA


# -- while it runs --------------------------------------------------------------------------------


async def test_settling_makes_files_durable_and_lets_the_rows_go(
    library: Library, synced: Synced
) -> None:
    asset = await add_small(library)
    path = library.blobs.path(asset.hash)
    inode = path.stat().st_ino
    assert await carried(library).settle(LATER_MS) == 1
    assert synced == [path, path.parent]
    assert path.stat().st_ino == inode
    assert await rows(library.db) == []


async def test_settling_leaves_what_is_young(library: Library) -> None:
    now_ms = library.clock.now_ms()
    await add_small(library)
    library.clock.advance(30)
    await add_small(library, b"younger", "j2")
    assert await carried(library).settle(now_ms) == 0
    assert await carried(library).settle(now_ms + 1) == 1
    assert [data for _, data in await rows(library.db)] == [b"younger"]


async def test_of_very_many_the_oldest_are_settled_however_young(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried_module, "MOST", 3)
    for index in range(5):
        await add_small(library, f"{index}".encode(), f"j{index}")
    assert await carried(library).settle(0) == 2
    assert [data for _, data in await rows(library.db)] == [b"2", b"3", b"4"]


async def test_settling_writes_a_file_that_is_gone_from_its_row(
    library: Library, synced: Synced
) -> None:
    lost, kept = await add_small(library), await add_small(library, b"kept", "j2")
    library.blobs.path(lost.hash).unlink()
    assert await carried(library).settle(LATER_MS) == 2
    assert library.blobs.path(lost.hash).read_bytes() == DATA
    assert library.blobs.path(kept.hash).read_bytes() == b"kept"
    assert library.blobs.path(lost.hash).parent in synced
    assert await rows(library.db) == []


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_settling_writes_a_file_anew_whose_fsync_fails(
    library: Library, synced: Synced, what: str
) -> None:
    """After an fsync that failed the pages may be marked clean: only new ones can be trusted."""
    asset = await add_small(library)
    path = library.blobs.path(asset.hash)
    synced.refused = path if what == "file" else path.parent
    one = carried(library)
    if what == "folder":
        with pytest.raises(StorageUnavailable):
            await one.settle(LATER_MS)
        assert await rows(library.db) == [(asset.hash, DATA)]
        synced.refused = None
    assert await one.settle(LATER_MS) == 1
    assert path.read_bytes() == DATA
    assert any(written.parent.name == "tmp" for written in synced)
    assert path.parent in synced
    assert await rows(library.db) == []


async def test_rows_of_bytes_that_went_meanwhile_are_dropped_unwritten(library: Library) -> None:
    await forget(library, await add_small(library))
    assert library.files() == []
    assert await carried(library).settle(LATER_MS) == 1
    assert library.files() == []
    assert await rows(library.db) == []


async def test_a_disk_that_refuses_leaves_the_rows_for_the_next_time(library: Library) -> None:
    """Without a commit in between, too."""
    asset = await add_small(library)
    one = carried(library)
    folder = library.blobs.path(asset.hash).parent
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await one.settle(LATER_MS)
        assert await rows(library.db) == [(asset.hash, DATA)]
    folder.mkdir()
    assert await one.settle(LATER_MS) == 1
    assert library.blobs.path(asset.hash).read_bytes() == DATA
    assert await rows(library.db) == []


async def test_a_disk_that_refuses_for_long_is_named_once_and_asked_again(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    asset = await add_small(library)
    one = carried(library)
    folder = library.blobs.path(asset.hash).parent
    shutil.rmtree(folder)
    seen: list[str] = []
    await library.db.read(lambda connection: connection.set_trace_callback(seen.append))
    library.clock.advance(61)
    settling = asyncio.create_task(settle_often(one, library.clock, 0.001))
    try:
        await until(lambda: sum(text.startswith("SELECT seq") for text in seen) >= 5)
        named = [text for text in caplog.messages if "stay in the database" in text]
        folder.mkdir()
        await until(lambda: any(text.startswith("DELETE FROM carried") for text in seen))
    finally:
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
    assert len(named) == 1
    assert await rows(library.db) == []
    assert library.blobs.path(asset.hash).read_bytes() == DATA


async def test_outputs_that_come_while_others_settle_are_settled_the_next_time(
    library: Library,
) -> None:
    one = carried(library)
    await library.add_job("j1")

    async def add(index: int) -> None:
        await add_output(library, "j1", f"{index}".encode(), index=index)

    for start in range(0, 60, 6):
        await asyncio.gather(
            one.settle(LATER_MS), *(add(index) for index in range(start, start + 6))
        )
    await one.settle(LATER_MS)
    assert await rows(library.db) == []
    assert len(library.files()) == 60
