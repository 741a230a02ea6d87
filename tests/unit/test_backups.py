"""Hourly snapshots while there is work, and a whole Studio in one file on command."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import InvalidRequest, StorageUnavailable
from studio.services import backups as backups_module
from studio.services.backups import BackupService
from studio.store import restoring, snapshot_files, snapshots
from studio.store.db import Database, Work
from studio.store.migrations import migrate
from tests.faults.harness import until


@pytest.fixture
def studio_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    (folder / "db").mkdir(parents=True)
    return folder


@pytest.fixture
async def db(studio_dir: Path) -> AsyncIterator[Database]:
    database = Database(studio_dir / "db" / "studio.db")
    await database.open(lambda connection: void(migrate(connection)))
    yield database
    await database.close()


def void(_: object) -> None:
    """Drop a result where none is wanted."""


@pytest.fixture
def service(db: Database, studio_dir: Path, clock: FrozenClock) -> BackupService:
    return BackupService(
        db=db, studio_dir=studio_dir, backups_dir=studio_dir / "db" / "backups", clock=clock
    )


def _noting(text: str) -> Work[None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('note', ?)", (text,))

    return work


def _noted(path: Path) -> str:
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT value FROM meta WHERE key = 'note'").fetchone()
    connection.close()
    return str(row[0])


async def test_an_hour_with_writes_ends_in_a_snapshot_and_one_without_does_not(
    service: BackupService, db: Database, clock: FrozenClock
) -> None:
    clock.advance(3600)
    assert await service.tick() is None
    await db.write(_noting("one"))
    first = await service.tick()
    assert first is not None
    assert first.name.endswith("-hourly.db")
    await db.write(_noting("two"))
    clock.advance(3599)
    assert await service.tick() is None
    clock.jump_wall(86_400)
    assert await service.tick() is None
    clock.advance(1)
    second = await service.tick()
    assert second is not None
    assert _noted(second) == "two"


async def test_a_snapshot_that_fails_is_tried_again_an_hour_later(
    service: BackupService, db: Database, studio_dir: Path, clock: FrozenClock
) -> None:
    folder = studio_dir / "db" / "backups"
    folder.symlink_to(folder)
    await db.write(_noting("one"))
    clock.advance(3600)
    assert await service.tick() is None
    assert db.fault is None
    folder.unlink()
    assert await service.tick() is None
    clock.advance(3600)
    assert await service.tick() is not None


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("a defect")])
async def test_whatever_one_snapshot_meets_the_hours_after_it_have_theirs(
    service: BackupService,
    db: Database,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise error

    for _ in range(2):
        await db.write(_noting("one"))
        clock.advance(3600)
        with monkeypatch.context() as patch:
            patch.setattr(snapshots, "take", fail)
            assert await service.tick() is None
        assert service.trouble is not None
    clock.advance(3600)
    assert await service.tick() is not None
    assert service.trouble is None


async def test_older_snapshots_that_cannot_be_removed_are_told_and_keep_no_newer_one_away(
    service: BackupService, db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_more: object) -> None:
        raise OSError(5, "Input/output error")

    for hour in range(13):
        await db.write(_noting(f"{hour}"))
        clock.advance(86_400)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            assert await service.tick() is not None
    assert "removed" in str(service.trouble)
    assert len(await service.list()) == 13
    await db.write(_noting("last"))
    clock.advance(3600)
    assert await service.tick() is not None
    assert service.trouble is None
    assert len(await service.list()) == 8


async def test_the_hourly_loop_takes_what_is_due(
    service: BackupService, db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups_module, "_TICK_S", 0.001)
    await db.write(_noting("one"))
    clock.advance(3600)
    loop = asyncio.create_task(service.run())
    await until(lambda: not service.has_changes, "the snapshot is taken")
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop


async def test_a_clean_stop_takes_a_snapshot_when_something_changed(
    service: BackupService, db: Database, studio_dir: Path
) -> None:
    await service.finish()
    assert snapshot_files.snapshots(studio_dir / "db" / "backups") == []
    await db.write(_noting("last"))
    await service.finish()
    await service.finish()
    (taken,) = snapshot_files.snapshots(studio_dir / "db" / "backups")
    assert taken.name.endswith("-shutdown.db")
    assert _noted(taken) == "last"


async def test_a_snapshot_waits_for_its_turn_among_writes(
    service: BackupService, db: Database
) -> None:
    writes = [asyncio.create_task(db.write(_noting(f"{n}"))) for n in range(20)]
    taken = asyncio.create_task(service.snapshot("manual"))
    await asyncio.sleep(0)
    later = [asyncio.create_task(db.write(_noting(f"later {n}"))) for n in range(20)]
    assert _noted(await taken) == "19"
    await asyncio.gather(*writes, *later)
    assert db.fault is None


async def test_a_backup_of_the_working_studio_can_be_restored(
    service: BackupService, db: Database, tmp_path: Path, clock: FrozenClock
) -> None:
    writes = [asyncio.create_task(db.write(_noting(f"{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    archived = await service.backup(tmp_path / "backup.tar")
    await asyncio.gather(*writes)
    await db.write(_noting("later"))
    assert (archived.blobs, archived.missing, archived.skipped) == (0, (), ())
    assert archived.size_bytes > 0
    restored = await asyncio.to_thread(
        restoring.restore, tmp_path / "backup.tar", tmp_path / "other", clock
    )
    assert restored.blobs == 0
    assert _noted(tmp_path / "other" / "db" / "studio.db") == "19"


async def test_a_database_that_is_closed_cannot_be_backed_up(
    service: BackupService, db: Database, tmp_path: Path
) -> None:
    await db.close()
    with pytest.raises(StorageUnavailable):
        await service.backup(tmp_path / "backup.tar")
    assert os.listdir(tmp_path) == ["studio"]


async def test_a_folder_that_is_not_there_or_takes_nothing_is_named(
    service: BackupService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequest, match=r"make it first: .*/later"):
        await service.backup(tmp_path / "later" / "b.tar")

    def refuse(*_arguments: object, **_options: object) -> None:
        # Root, who may run this, is refused by no folder.
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("studio.store.archive.tempfile.mkstemp", refuse)
    with pytest.raises(InvalidRequest, match=f"may not write into {tmp_path}"):
        await service.backup(tmp_path / "b.tar")
