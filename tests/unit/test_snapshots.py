"""Snapshots: verified, named in order, rotated."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import DiskFull, StorageUnavailable
from studio.store import snapshot_files, snapshots
from studio.store.db import Database
from studio.store.migrations import MIGRATIONS
from tests.unit.snapshot_folder import connection as connection
from tests.unit.snapshot_folder import db_path as db_path
from tests.unit.snapshot_folder import folder as folder
from tests.unit.snapshot_folder import names, note, noted


def test_a_snapshot_is_a_whole_copy_with_its_time_and_reason(
    connection: sqlite3.Connection, folder: Path, clock: FrozenClock
) -> None:
    note(connection, "kept")
    path = snapshots.take(connection, folder, "hourly", clock)
    assert path.name == "studio-20270115T080000.000Z-hourly.db"
    assert names(folder) == [path.name]
    assert snapshots.verify(path)
    assert noted(path) == "kept"
    copy = sqlite3.connect(path)
    assert copy.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    copy.close()
    assert snapshot_files.taken_at(path) == "2027-01-15 08:00:00 UTC"


def test_a_snapshot_made_after_the_clock_was_set_back_is_still_the_newest(
    connection: sqlite3.Connection, folder: Path, clock: FrozenClock
) -> None:
    note(connection, "older")
    snapshots.take(connection, folder, "hourly", clock)
    clock.jump_wall(-3600)
    note(connection, "newer")
    snapshots.take(connection, folder, "hourly", clock)
    newest = snapshot_files.snapshots(folder)[0]
    assert noted(newest) == "newer"


@pytest.mark.parametrize("reason", ["", "../x", "Hourly", "a b", "x/y"])
def test_a_reason_cannot_leave_the_folder(
    connection: sqlite3.Connection, folder: Path, clock: FrozenClock, reason: str
) -> None:
    with pytest.raises(ValueError, match="not a reason"):
        snapshots.take(connection, folder, reason, clock)


def test_a_snapshot_that_does_not_verify_is_not_kept(
    connection: sqlite3.Connection,
    folder: Path,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "verify", lambda path: False)
    with pytest.raises(StorageUnavailable, match="cannot be read back"):
        snapshots.take(connection, folder, "hourly", clock)
    assert names(folder) == []


def test_a_snapshot_for_which_there_is_no_room_leaves_nothing_behind(
    connection: sqlite3.Connection,
    folder: Path,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr(snapshots, "_fsync", refuse)
    with pytest.raises(DiskFull):
        snapshots.take(connection, folder, "hourly", clock)
    assert names(folder) == []


def test_what_a_kill_in_the_middle_left_is_swept_by_the_next_snapshot(
    connection: sqlite3.Connection, folder: Path, clock: FrozenClock
) -> None:
    folder.mkdir()
    (folder / ".studio-20270115T070000.000Z-hourly.db.partial").write_bytes(b"half")
    (folder / ".studio-20270115T070000.000Z-hourly.db.partial-journal").write_bytes(b"half")
    path = snapshots.take(connection, folder, "hourly", clock)
    assert names(folder) == [path.name]


def test_a_backups_folder_that_cannot_be_used_is_an_outage_not_a_crash(
    connection: sqlite3.Connection, folder: Path, clock: FrozenClock
) -> None:
    folder.symlink_to(folder)
    with pytest.raises(StorageUnavailable):
        snapshots.take(connection, folder, "hourly", clock)


def test_verification_refuses_what_is_not_our_database(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    opened = sqlite3.connect(foreign)
    opened.execute("CREATE TABLE something (id)")
    opened.execute("PRAGMA user_version=1")
    opened.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("hello " * 1000)
    for name in ("foreign.db", "empty.db", "text.db", "absent.db"):
        assert not snapshots.verify(tmp_path / name)


async def test_a_migration_that_changes_a_database_takes_a_snapshot_first(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    def second(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE second (id)")

    db = Database(db_path)
    await db.open(snapshots.preparation(folder, clock))
    await db.write(lambda connection: note(connection, "kept"))
    await db.close()
    assert snapshot_files.snapshots(folder) == []
    for _ in range(2):
        db = Database(db_path)
        await db.open(snapshots.preparation(folder, clock, (*MIGRATIONS, second)))
        await db.close()
    (taken,) = snapshot_files.snapshots(folder)
    assert taken.name.endswith(f"-schema-{len(MIGRATIONS)}.db")
    copy = sqlite3.connect(taken)
    tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_schema")}
    copy.close()
    assert "second" not in tables
    assert noted(taken) == "kept"
