"""A database whose volume another Studio holds: no write, no acknowledgement, not even on close."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from studio.errors import StorageUnavailable
from studio.store.db import Database
from studio.store.lease import LeaseLost
from tests.unit.notes import adding, hold, schema, texts


async def test_a_halted_database_refuses_writes_that_wait_and_serves_reads(db: Database) -> None:
    await db.write(adding("kept"))
    release = threading.Event()
    held = await hold(db, release)
    waiting = asyncio.create_task(db.write(adding("late")))
    await asyncio.sleep(0)
    db.halt("Another Studio holds this volume.")
    release.set()
    await held
    with pytest.raises(StorageUnavailable, match="Another Studio"):
        await waiting
    with pytest.raises(StorageUnavailable, match="Another Studio"):
        await db.write(adding("later"))
    assert db.fault == "Another Studio holds this volume."
    assert await db.read(texts) == ["kept"]


_OTHER = """
import sqlite3, sys
path, count = sys.argv[1], int(sys.argv[2])
connection = sqlite3.connect(f"file:{path}?vfs=unix-none", uri=True, isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("PRAGMA journal_mode=WAL")
for number in range(count):
    connection.execute("INSERT INTO notes (text) VALUES (?)", (f"other {number}",))
print("ready", flush=True)
sys.stdin.readline()
connection.execute("INSERT INTO notes (text) VALUES ('other last')")
connection.close()
"""


async def test_closing_a_halted_database_leaves_the_new_holders_files_alone(
    tmp_path: Path,
) -> None:
    """On a volume whose locks lie the other Studio already works in the same log."""
    path = tmp_path / "studio.db"
    db = Database(path)
    await db.open(schema)
    for number in range(20):
        await db.write(adding(f"ours {number}"))
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OTHER, str(path), "30", stdin=PIPE, stdout=PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert await other.stdout.readline() == b"ready\n"
    db.halt("Another Studio holds this volume.")
    await db.close()
    assert path.with_name("studio.db-wal").exists()
    other.stdin.write(b"\n")
    await other.communicate()
    assert other.returncode == 0
    connection = sqlite3.connect(f"file:{path}?vfs=unix-none", uri=True)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    found = texts(connection)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert found == [f"ours {n}" for n in range(20)] + [f"other {n}" for n in range(30)] + [
        "other last"
    ]


async def test_a_halted_database_that_was_closed_lets_the_next_one_open_it(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    db = Database(path)
    await db.open(schema)
    await db.write(adding("kept"))
    db.halt("Another Studio holds this volume.")
    await db.close()
    script = "import sys; from pathlib import Path; from studio.store.connection import connect\n"
    script += "print(connect(Path(sys.argv[1])).execute('SELECT text FROM notes').fetchone()[0])"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "kept\n"


async def test_a_guard_that_finds_the_lease_lost_halts_the_database(tmp_path: Path) -> None:
    def guard() -> None:
        if lost:
            raise LeaseLost("Another Studio has taken this volume over.")

    lost: list[bool] = []
    db = Database(tmp_path / "studio.db", guard)
    await db.open(schema)
    await db.write(adding("kept"))
    lost.append(True)
    with pytest.raises(StorageUnavailable, match="taken this volume over"):
        await db.write(adding("late"))
    lost.clear()
    with pytest.raises(StorageUnavailable, match="taken this volume over"):
        await db.write(adding("later"))
    assert await db.read(texts) == ["kept"]
    await db.close()
    assert sorted(os.listdir(tmp_path)) == ["studio.db", "studio.db-wal"]


async def test_a_commit_during_which_the_lease_was_lost_is_not_acknowledged(
    tmp_path: Path,
) -> None:
    def guard() -> None:
        if lost:
            raise LeaseLost("Another Studio has taken this volume over.")

    def work(_: sqlite3.Connection) -> None:
        lost.append(True)

    lost: list[bool] = []
    db = Database(tmp_path / "studio.db", guard)
    await db.open(schema)
    with pytest.raises(StorageUnavailable, match="taken this volume over"):
        await db.write(work)
    assert db.fault == "Another Studio has taken this volume over."
    await db.close()


async def test_a_database_whose_lease_was_lost_unnoticed_closes_without_a_write(
    tmp_path: Path,
) -> None:
    def guard() -> None:
        if lost:
            raise LeaseLost("Another Studio has taken this volume over.")

    lost: list[bool] = []
    db = Database(tmp_path / "studio.db", guard)
    await db.open(schema)
    await db.write(adding("kept"))
    lost.append(True)
    await db.close()
    assert sorted(os.listdir(tmp_path)) == ["studio.db", "studio.db-wal"]


async def test_a_guard_that_cannot_tell_refuses_for_a_while_only(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guard() -> None:
        raise StorageUnavailable("The lease cannot be used just now.")

    monkeypatch.setattr(db._outage, "_wait_s", 0.0)
    monkeypatch.setattr(db, "_guard", guard)
    with pytest.raises(StorageUnavailable, match="just now"):
        await db.write(adding("refused"))
    monkeypatch.setattr(db, "_guard", None)
    await db.write(adding("stored"))
    assert await db.read(texts) == ["stored"]
