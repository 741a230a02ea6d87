"""What the check at boot makes of a damaged database, and the fence against a former holder."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import DiskFull, StorageUnavailable
from studio.store import snapshot_files, snapshots
from studio.store.connection import connect
from studio.store.migrations import migrate
from studio.store.prefs import is_forgetful
from studio.store.snapshots import Recovery, open_or_restore
from tests.unit.snapshot_folder import connection as connection
from tests.unit.snapshot_folder import db_path as db_path
from tests.unit.snapshot_folder import folder as folder
from tests.unit.snapshot_folder import names, note, noted


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SETTLE_S", 0.0)


def _build(db_path: Path, folder: Path, clock: FrozenClock) -> None:
    """A closed database with the note "last" and two snapshots, "first" and "second"."""
    connection = connect(db_path)
    migrate(connection)
    connection.execute("CREATE TABLE filler (data)")
    for text in ("first", "second", "last"):
        connection.execute("INSERT INTO filler VALUES (zeroblob(200000))")
        note(connection, text)
        if text != "last":
            snapshots.take(connection, folder, "hourly", clock)
            clock.advance(3600)
    connection.close()


def _overwrite(offset: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(b"\xde\xad\xbe\xef" * 2048)

    return damage


def _truncate(size_bytes: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(size_bytes)

    return damage


DAMAGES = [
    pytest.param(_overwrite(0), id="garbage-at-the-header"),
    pytest.param(_overwrite(4096), id="garbage-at-the-schema"),
    pytest.param(_overwrite(65536), id="garbage-in-a-table"),
    pytest.param(_truncate(4096 * 5), id="cut-short"),
    pytest.param(_truncate(100), id="cut-in-the-header"),
    pytest.param(_truncate(0), id="zero-bytes"),
    pytest.param(Path.unlink, id="gone"),
]


def test_a_sound_database_is_left_alone(db_path: Path, folder: Path, clock: FrozenClock) -> None:
    _build(db_path, folder, clock)
    before = db_path.read_bytes()
    assert open_or_restore(db_path, folder, clock) == Recovery()
    assert db_path.read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_replaced_by_its_newest_snapshot(
    db_path: Path, folder: Path, clock: FrozenClock, damage: Callable[[Path], None]
) -> None:
    _build(db_path, folder, clock)
    damage(db_path)
    recovery = open_or_restore(db_path, folder, clock)
    assert noted(db_path) == "second"
    assert recovery.restored_from == snapshot_files.snapshots(folder)[0]
    assert recovery.message is not None
    assert "2027-01-15 09:00:00 UTC" in recovery.message
    if damage is not Path.unlink:
        assert recovery.moved_aside is not None
        assert recovery.moved_aside.name in recovery.message
        assert recovery.moved_aside.exists()
        assert str(db_path.parent) not in recovery.message
    assert open_or_restore(db_path, folder, clock) == Recovery()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_newest_snapshot_that_is_damaged_too_is_passed_over(
    db_path: Path, folder: Path, clock: FrozenClock, damage: Callable[[Path], None]
) -> None:
    _build(db_path, folder, clock)
    newest, older = snapshot_files.snapshots(folder)
    _overwrite(4096)(db_path)
    damage(newest)
    recovery = open_or_restore(db_path, folder, clock)
    assert recovery.restored_from == older
    assert noted(db_path) == "first"


def test_without_a_good_snapshot_the_owner_starts_anew_and_keeps_the_damaged_file(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    for path in (db_path, *snapshot_files.snapshots(folder)):
        _overwrite(0)(path)
    damaged = db_path.read_bytes()
    recovery = open_or_restore(db_path, folder, clock)
    assert recovery.restored_from is None
    assert recovery.moved_aside is not None
    assert recovery.moved_aside.read_bytes() == damaged
    assert recovery.message is not None
    assert "new one" in recovery.message
    assert not db_path.exists()


def test_a_new_installation_is_not_an_accident(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    assert open_or_restore(db_path, folder, clock) == Recovery()
    db_path.touch()
    assert open_or_restore(db_path, folder, clock) == Recovery()
    connect(db_path).close()
    assert open_or_restore(db_path, folder, clock) == Recovery()


@pytest.mark.parametrize("place", ["assets", "gallery/pictures"])
def test_a_new_database_beside_stored_files_is_an_accident_until_it_is_marked(
    db_path: Path, folder: Path, clock: FrozenClock, place: str
) -> None:
    stored = db_path.parent.parent / place / "ab" / ("ab" * 32)
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"a picture")
    for left in ("nothing", "an empty file", "a file without tables"):
        if left == "an empty file":
            db_path.touch()
        elif left == "a file without tables":
            connect(db_path).close()
        recovery = open_or_restore(db_path, folder, clock)
        assert recovery.message is not None and "was missing" in recovery.message, left
    connection = connect(db_path)
    snapshots.preparation(folder, clock, recovery=recovery)(connection)
    assert is_forgetful(connection)
    connection.close()
    assert open_or_restore(db_path, folder, clock) == Recovery()


def test_a_stale_log_beside_a_damaged_file_does_not_reach_the_restored_one(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    writer = connect(db_path)
    note(writer, "in the log only")
    log = db_path.with_name("studio.db-wal").read_bytes()
    writer.close()
    _overwrite(0)(db_path)
    db_path.with_name("studio.db-wal").write_bytes(log)
    db_path.with_name("studio.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 100)
    recovery = open_or_restore(db_path, folder, clock)
    assert recovery.moved_aside is not None
    assert recovery.moved_aside.with_name(recovery.moved_aside.name + "-journal").exists()
    connection = connect(db_path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert noted(db_path) == "second"


def test_a_log_without_its_file_is_moved_aside_with_the_loss_told(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    db_path.unlink()
    db_path.with_name("studio.db-wal").write_bytes(b"left over")
    recovery = open_or_restore(db_path, folder, clock)
    assert recovery.moved_aside is not None
    assert not db_path.with_name("studio.db-wal").exists()
    assert noted(db_path) == "second"


def test_a_good_log_beside_a_good_file_is_replayed_not_discarded(
    db_path: Path, folder: Path, clock: FrozenClock, tmp_path: Path
) -> None:
    _build(db_path, folder, clock)
    writer = connect(db_path)
    note(writer, "in the log only")
    (tmp_path / "copy.db").write_bytes(db_path.read_bytes())
    (tmp_path / "copy.db-wal").write_bytes(db_path.with_name("studio.db-wal").read_bytes())
    writer.close()
    assert open_or_restore(tmp_path / "copy.db", folder, clock) == Recovery()
    assert noted(tmp_path / "copy.db") == "in the log only"


def test_two_accidents_in_one_second_keep_both_files(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    kept = set()
    for _ in range(2):
        _overwrite(0)(db_path)
        kept.add(open_or_restore(db_path, folder, clock).moved_aside)
    assert len(kept) == 2
    assert all(path is not None and path.exists() for path in kept)


def test_a_locked_database_is_an_outage_not_damage(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    holder = connect(db_path)
    with pytest.raises(StorageUnavailable, match="locked"):
        open_or_restore(db_path, folder, clock)
    holder.close()
    assert noted(db_path) == "last"


def test_a_restore_for_which_there_is_no_room_moves_nothing(
    db_path: Path, folder: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    _build(db_path, folder, clock)
    _overwrite(0)(db_path)
    damaged = db_path.read_bytes()
    monkeypatch.setattr(snapshots, "_fsync", refuse)
    with pytest.raises(DiskFull):
        open_or_restore(db_path, folder, clock)
    assert db_path.read_bytes() == damaged
    monkeypatch.undo()
    assert open_or_restore(db_path, folder, clock).restored_from is not None


@pytest.mark.usefixtures("_hasty")
def test_a_fenced_database_no_longer_feels_its_former_holder(
    db_path: Path, folder: Path, clock: FrozenClock
) -> None:
    _build(db_path, folder, clock)
    former = sqlite3.connect(f"file:{db_path}?vfs=unix-none", uri=True, isolation_level=None)
    former.execute("PRAGMA locking_mode=EXCLUSIVE")
    former.execute("PRAGMA journal_mode=WAL")
    note(former, "committed, still in the log")
    former.execute("BEGIN IMMEDIATE")
    note(former, "woke up too late")
    assert snapshots.fence(db_path)
    former.execute("COMMIT")
    former.close()
    assert open_or_restore(db_path, folder, clock) == Recovery()
    assert noted(db_path) == "committed, still in the log"
    assert names(db_path.parent) == ["backups", "studio.db"]


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("content", [None, b"", b"no database " * 1000])
def test_a_fence_leaves_what_it_cannot_copy_to_the_check_at_boot(
    db_path: Path, content: bytes | None
) -> None:
    if content is not None:
        db_path.write_bytes(content)
    fenced = snapshots.fence(db_path)
    assert fenced == (content == b"")
    assert (db_path.read_bytes() if content else content) == content
    assert names(db_path.parent) in ([], ["studio.db"])
