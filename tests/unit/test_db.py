"""The one connection: shared commits, isolation of failures, faults, halting, closing."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from studio.errors import Conflict, DiskFull, StorageUnavailable
from studio.store import connection as connection_module
from studio.store import outage as outage_module
from studio.store.db import Database
from tests.unit.notes import add, adding, hold, schema, texts


def _remove_nothing(connection: sqlite3.Connection) -> int:
    return connection.execute("DELETE FROM notes WHERE id = 99").rowcount


def _fault(db: Database) -> str | None:
    return db.fault


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage_module, "_RETRY_MIN_S", 0.01)


async def _statements(db: Database) -> list[str]:
    seen: list[str] = []
    await db.read(lambda connection: connection.set_trace_callback(seen.append))
    return seen


async def test_no_cursor_leaves_the_thread_of_the_database(db: Database) -> None:
    # Let go of elsewhere it would reset a statement in use: "bad parameter or other API misuse".
    kept: list[sqlite3.Cursor] = []

    def work(connection: sqlite3.Connection) -> sqlite3.Cursor:
        made = connection.executemany("INSERT INTO notes (text) VALUES (?)", [("a",), ("b",)])
        kept.append(made)
        return made

    found: object = await db.write(work)
    assert found is None
    with pytest.raises(sqlite3.ProgrammingError, match="closed cursor"):
        kept[0].fetchone()
    assert await db.read(texts) == ["a", "b"]


async def test_writes_that_wait_together_share_one_commit(db: Database) -> None:
    seen = await _statements(db)
    release = threading.Event()
    held = await hold(db, release)
    writes = [asyncio.create_task(db.write(adding(f"{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    release.set()
    ids = await asyncio.gather(*writes)
    await held
    assert sorted(ids) == list(range(1, 51))
    assert seen.count("COMMIT") == 1
    assert db.commits == 1


async def test_one_write_alone_makes_one_commit_and_no_savepoint(db: Database) -> None:
    seen = await _statements(db)
    await db.write(adding("alone"))
    assert seen.count("COMMIT") == 1
    assert not [text for text in seen if text.startswith("SAVEPOINT")]


async def test_a_write_that_fails_does_not_harm_the_others_in_its_commit(db: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        add(connection, "never")
        raise Conflict("This is refused.")

    def collide(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes (id, text) VALUES (1000, 'a')")
        connection.execute("INSERT INTO notes (id, text) VALUES (1000, 'b')")

    release = threading.Event()
    held = await hold(db, release)
    results = asyncio.gather(
        db.write(adding("first")),
        db.write(fail),
        db.write(collide),
        db.write(adding("last")),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    release.set()
    first, refused, collided, last = await results
    await held
    assert (first, last) == (1, 2)
    assert isinstance(refused, Conflict)
    assert isinstance(collided, sqlite3.IntegrityError)
    assert await db.read(texts) == ["first", "last"]
    assert db.fault is None


async def test_a_write_that_fails_alone_leaves_nothing_behind(db: Database) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        add(connection, "never")
        raise Conflict("This is refused.")

    with pytest.raises(Conflict):
        await db.write(fail)
    assert await db.read(texts) == []
    assert await db.write(adding("next")) == 1


async def test_a_read_sees_the_writes_that_were_asked_for_before_it(db: Database) -> None:
    release = threading.Event()
    held = await hold(db, release)
    write = asyncio.create_task(db.write(adding("before")))
    read = asyncio.create_task(db.read(texts))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(held, write)
    assert await read == ["before"]


async def test_work_that_must_run_alone_finds_no_transaction_and_keeps_its_turn(
    db: Database,
) -> None:
    release = threading.Event()
    held = await hold(db, release)
    order = asyncio.gather(
        db.write(adding("one")),
        db.run_alone(lambda connection: (connection.in_transaction, texts(connection))),
        db.write(adding("two")),
    )
    await asyncio.sleep(0)
    release.set()
    _, alone, _ = await order
    await held
    assert alone == (False, ["one"])


async def test_a_write_whose_caller_gave_up_does_not_disturb_the_rest(db: Database) -> None:
    release = threading.Event()
    held = await hold(db, release)
    gone = asyncio.create_task(db.write(adding("gone")))
    kept = asyncio.create_task(db.write(adding("kept")))
    await asyncio.sleep(0)
    gone.cancel()
    release.set()
    await kept
    await held
    assert "kept" in await db.read(texts)


async def test_a_full_database_refuses_and_recovers_when_there_is_room(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db._outage, "_wait_s", 0.05)
    await db.write(adding("kept"))
    await db.read(lambda c: c.execute("PRAGMA max_page_count=1").fetchone())
    with pytest.raises(DiskFull):
        await db.write(adding("x" * 100_000))
    assert _fault(db) is not None
    with pytest.raises(DiskFull):
        await db.write(adding("too soon"))
    assert await db.read(texts) == ["kept"]
    await db.read(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchone())
    await asyncio.sleep(0.06)
    await db.write(adding("again"))
    assert _fault(db) is None
    assert await db.read(texts) == ["kept", "again"]


async def test_a_write_that_changes_nothing_does_not_prove_that_the_disk_works(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db._outage, "_wait_s", 0.0)
    await db.read(lambda c: c.execute("PRAGMA max_page_count=1").fetchone())
    with pytest.raises(DiskFull):
        await db.write(adding("x" * 100_000))
    monkeypatch.setattr(db._outage, "_retry_at_s", 0.0)
    await db.write(_remove_nothing)
    assert _fault(db) is not None
    await db.probe()
    assert _fault(db) is None


async def test_a_disk_that_takes_nothing_is_not_found_to_work_by_looking(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: sqlite3.Connection) -> int:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(db._outage, "_wait_s", 0.0)
    log_before = os.stat(f"{db.path}-wal").st_size
    with pytest.raises(DiskFull):
        await db.write(refuse)
    monkeypatch.setattr(db._outage, "_retry_at_s", 0.0)
    await db.probe()
    assert os.stat(f"{db.path}-wal").st_size > log_before, "the probe wrote nothing"


async def test_a_commit_that_meets_an_io_error_is_refused_to_all_who_share_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(db._outage, "_wait_s", 0.0)
    await db.write(adding("kept"))
    release = threading.Event()
    held = await hold(db, release)
    results = asyncio.gather(
        db.write(adding("lost")),
        db.write(break_down),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    release.set()
    lost, broken = await results
    await held
    assert isinstance(lost, StorageUnavailable)
    assert isinstance(broken, StorageUnavailable)
    assert lost is not broken
    assert await db.read(texts) == ["kept"]
    await db.write(adding("again"))
    assert await db.read(texts) == ["kept", "again"]


async def test_an_io_error_on_a_volume_over_its_quota_is_a_full_disk(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over_quota(handle: int, size_bytes: int) -> None:
        raise DiskFull("There is no room.")

    def break_down(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    monkeypatch.setattr(connection_module, "reserve_space", over_quota)
    with pytest.raises(DiskFull):
        await db.write(break_down)


@pytest.mark.usefixtures("_impatient")
async def test_a_database_file_that_vanishes_is_not_replaced_by_an_empty_one(
    tmp_path: Path,
) -> None:
    def break_down(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    db = Database(tmp_path / "studio.db")
    await db.open(schema)
    with pytest.raises(StorageUnavailable):
        await db.write(break_down)
    (tmp_path / "studio.db").unlink()
    with pytest.raises(StorageUnavailable):
        await db.read(texts)
    assert not (tmp_path / "studio.db").exists()
    await db.close()


async def test_an_error_that_is_no_database_error_still_answers_every_caller(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> sqlite3.Connection:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(db, "_connected", explode)
    with pytest.raises(OSError, match="Stale"):
        await db.write(adding("x"))
    monkeypatch.undo()
    assert await db.write(adding("y")) == 1


async def test_close_finishes_what_waits_and_folds_the_log_into_the_file(tmp_path: Path) -> None:
    db = Database(tmp_path / "studio.db")
    await db.open(schema)
    writes = [asyncio.create_task(db.write(adding(f"{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await db.close()
    await db.close()
    assert len(await asyncio.gather(*writes)) == 20
    assert os.listdir(tmp_path) == ["studio.db"]
    with pytest.raises(StorageUnavailable, match="shutting down"):
        await db.write(adding("late"))


async def test_a_write_that_need_not_survive_a_power_cut_costs_no_fsync(
    db: Database,
) -> None:
    levels: list[int] = []

    def level(connection: sqlite3.Connection) -> None:
        levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])
        add(connection, "x")

    await db.write(level, durable=False)
    await db.write(level)
    await asyncio.gather(db.write(level, durable=False), db.write(level))
    assert levels == [1, 2, 2, 2]  # NORMAL, FULL, and FULL for all who share a durable commit


async def test_a_second_connection_is_refused_as_locked(db: Database) -> None:
    second = Database(db.path)
    with pytest.raises(StorageUnavailable, match="locked"):
        await second.open(schema)
    await second.close()
    await db.write(adding("the first still writes"))


async def test_a_file_that_is_no_database_is_refused_at_open(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    path.write_bytes(b"this is not a database, " * 1000)
    db = Database(path)
    with pytest.raises(StorageUnavailable):
        await db.open(schema)
    await db.close()


async def test_storage_trouble_during_preparation_is_reported_as_such(tmp_path: Path) -> None:
    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count=1")
        schema(connection)

    db = Database(tmp_path / "studio.db")
    with pytest.raises(DiskFull):
        await db.open(prepare)
    await db.close()
