"""Short writes on the event loop, patient ones that share an fsync, and the log they leave."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from pathlib import Path

import pytest

from studio.errors import StorageUnavailable
from studio.store import db as db_module
from studio.store.connection import LOG_BYTES
from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from tests.unit.notes import add, adding, schema, texts

CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"


def _where(_: sqlite3.Connection) -> int:
    return threading.get_ident()


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """So much of it that no test sees its end."""
    monkeypatch.setattr(db_module, "_PATIENCE_S", 3600.0)


async def _statements(db: Database) -> list[tuple[str, int]]:
    """What is executed from now on, and on which thread."""
    seen: list[tuple[str, int]] = []
    await db.read(
        lambda connection: connection.set_trace_callback(
            lambda text: seen.append((text, threading.get_ident()))
        )
    )
    return seen


def _commits(seen: list[tuple[str, int]]) -> int:
    return [text for text, _ in seen].count("COMMIT")


# -- where short writes run -----------------------------------------------------------------------


async def test_a_short_write_runs_where_everybody_waits_and_others_on_the_thread(
    db: Database,
) -> None:
    here = threading.get_ident()
    assert await db.write(_where, short=True) == here
    thread = await db.read(_where)
    assert thread != here
    assert await db.write(_where) == thread
    together = await asyncio.gather(*(db.write(_where, short=short) for short in (True, False)))
    assert together == [thread, thread]


async def test_a_short_write_runs_on_the_thread_while_the_disk_is_slow(tmp_path: Path) -> None:
    speed = DiskSpeed()
    db = Database(tmp_path / "studio.db", speed=speed)
    await db.open(schema)
    speed.took(1.0)
    assert await db.write(_where, short=True) == await db.read(_where) != threading.get_ident()
    await db.close()


async def test_short_writes_share_a_commit_as_well(db: Database) -> None:
    seen = await _statements(db)
    ids = await asyncio.gather(*(db.write(adding(f"{n}"), short=True) for n in range(20)))
    assert ids == list(range(1, 21))
    assert _commits(seen) == 1


async def test_work_that_fails_in_a_short_write_reaches_its_caller_alone(db: Database) -> None:
    def fail(connection: sqlite3.Connection) -> int:
        add(connection, "never")
        raise ZeroDivisionError("nobody foresaw this")

    first, failed, last = await asyncio.gather(
        db.write(adding("first"), short=True),
        db.write(fail, short=True),
        db.write(adding("last"), short=True),
        return_exceptions=True,
    )
    assert (first, last) == (1, 2)
    assert isinstance(failed, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        await db.write(fail, short=True)
    await db.write(adding("later"), short=True)
    assert await db.read(texts) == ["first", "last", "later"]


async def test_an_error_around_short_writes_reaches_every_caller_and_the_next_go_on(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> sqlite3.Connection:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(db, "_connected", explode)
    results = await asyncio.gather(
        db.write(adding("a"), short=True),
        db.write(adding("b"), short=True),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [OSError, OSError]
    monkeypatch.undo()
    assert await db.write(adding("c"), short=True) == 1


# -- patient writes -------------------------------------------------------------------------------


@pytest.mark.usefixtures("_patience")
async def test_patient_writes_share_the_next_durable_commit(db: Database) -> None:
    seen = await _statements(db)
    patient = [asyncio.create_task(db.write(adding(f"{n}"), patient=True)) for n in range(3)]
    await asyncio.sleep(0)
    await db.write(adding("durable"))
    assert await asyncio.gather(*patient) == [1, 2, 3]
    assert _commits(seen) == 1
    assert await db.read(texts) == ["0", "1", "2", "durable"]


@pytest.mark.usefixtures("_patience")
async def test_a_patient_write_waits_while_others_cost_no_fsync(db: Database) -> None:
    def level(connection: sqlite3.Connection) -> int:
        add(connection, "quick")
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    patient = asyncio.create_task(db.write(adding("patient"), patient=True))
    await asyncio.sleep(0)
    assert await db.write(level, durable=False) == 1
    assert await db.read(texts) == ["quick"]
    assert not patient.done()
    await db.write(adding("durable"))
    assert await patient == 2
    assert await db.read(texts) == ["quick", "patient", "durable"]


async def test_patient_writes_are_committed_by_themselves_when_nothing_comes(db: Database) -> None:
    seen = await _statements(db)
    results = asyncio.gather(*(db.write(adding(f"{n}"), patient=True) for n in range(3)))
    assert await asyncio.wait_for(results, 10) == [1, 2, 3]
    assert _commits(seen) == 1
    assert await asyncio.wait_for(db.write(adding("next"), patient=True, short=True), 10) == 4


async def test_a_patient_write_that_comes_during_a_long_one_is_committed_after_it(
    db: Database,
) -> None:
    release = threading.Event()
    held = asyncio.create_task(db.read(lambda _: release.wait(10)))
    await asyncio.sleep(0)
    patient = asyncio.create_task(db.write(adding("patient"), patient=True))
    # Its patience ends while the connection is taken: the end of that must start it.
    await asyncio.sleep(db_module._PATIENCE_S * 3)
    assert not patient.done()
    release.set()
    assert await asyncio.wait_for(patient, 10) == 1
    assert await held


@pytest.mark.usefixtures("_patience")
async def test_closing_finishes_patient_writes(tmp_path: Path) -> None:
    db = Database(tmp_path / "studio.db")
    await db.open(schema)
    patient = [
        asyncio.create_task(db.write(adding("patient"), patient=True, short=short))
        for short in (False, True)
    ]
    await asyncio.sleep(0)
    await asyncio.wait_for(db.close(), 10)
    assert await asyncio.gather(*patient) == [1, 2]


@pytest.mark.usefixtures("_patience")
async def test_a_halted_database_refuses_patient_writes_at_once(db: Database) -> None:
    patient = asyncio.create_task(db.write(adding("patient"), patient=True))
    await asyncio.sleep(0)
    db.halt("Another Studio holds this volume.")
    with pytest.raises(StorageUnavailable, match="Another Studio"):
        await asyncio.wait_for(patient, 10)
    assert await db.read(texts) == []


# -- the log --------------------------------------------------------------------------------------


def log_size(db: Database) -> int:
    return db.path.with_name("studio.db-wal").stat().st_size


async def test_a_long_log_is_folded_and_not_on_the_loop(db: Database) -> None:
    seen = await _statements(db)
    while log_size(db) < LOG_BYTES - 100_000:
        await db.write(adding("x" * 50_000), short=True, durable=False)
    assert await db.read(_where) != threading.get_ident()
    assert CHECKPOINT not in [text for text, _ in seen]
    await db.write(adding("x" * 100_000), short=True, durable=False)
    thread = await db.read(_where)
    assert [on for text, on in seen if text == CHECKPOINT] == [thread]
    assert thread != threading.get_ident()


@pytest.mark.parametrize(("rows", "size"), [(2_000, 3_000), (40, 1 << 20)])
async def test_the_log_stays_as_short_however_large_rows_are(
    db: Database, rows: int, size: int
) -> None:
    for _ in range(rows):
        await db.write(adding("x" * size), short=True, durable=False)
        assert log_size(db) < LOG_BYTES + 2 * size + 100_000
    assert db.path.stat().st_size > rows * size - 2 * LOG_BYTES


async def test_a_log_that_one_row_made_long_is_cut_and_folded_once(db: Database) -> None:
    seen = await _statements(db)
    await db.write(adding("x" * 2 * LOG_BYTES))
    assert log_size(db) > 2 * LOG_BYTES
    for _ in range(3):
        await db.write(adding("a small one"))
        assert log_size(db) == LOG_BYTES
    assert [text for text, _ in seen].count(CHECKPOINT) == 1


async def test_a_database_that_is_halted_does_not_fold_its_log(tmp_path: Path) -> None:
    """The files are another Studio's from then on, even when folding was due already."""
    db = Database(tmp_path / "studio.db")
    await db.open(schema)
    entered, release = threading.Event(), threading.Event()
    await db.write(adding("the first"), short=True, durable=False)
    before = db.path.read_bytes()

    def hold() -> None:
        entered.set()
        release.wait(10)

    db._executor.submit(hold)
    await asyncio.to_thread(entered.wait, 10)
    await db.write(adding("x" * LOG_BYTES), short=True, durable=False)
    db.halt("Another Studio holds this volume.")
    release.set()
    assert len(await db.read(texts)) == 2
    assert db.path.read_bytes() == before
    await db.close()
    assert db.path.read_bytes() == before
