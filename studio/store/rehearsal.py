"""A copy of the database to try a release on, in which nothing goes on that was going on."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.store import snapshot_files, snapshots
from studio.store.connection import connect, translate
from studio.store.db import Database
from studio.store.release_tree import disk_refusal

_QUIET: Final = (
    # A job of somebody's must not run twice, and the owner's pause must not hold the test's own.
    "UPDATE jobs SET status = 'canceled', completed_at = created_at,"
    " expires_at = created_at + 3155760000000 WHERE completed_at IS NULL",
    "DELETE FROM meta WHERE key = 'queue_paused'",
    # Nothing is fetched, and nothing of the process that tries it can tell a secret.
    "DELETE FROM downloads WHERE ended_at IS NULL",
    # Nobody is told twice, or told of what the trial does.
    "DELETE FROM webhooks",
    "DELETE FROM settings",
    "DELETE FROM secrets",
)


async def copy_database(db: Database, backups_dir: Path, clock: Clock, target: Path) -> None:
    """Take a snapshot, which stays as one of the backups, and make ``target`` a quiet copy of it.

    Raises:
        DiskFull, StorageUnavailable: there is no copy.
    """
    taken = await db.run_alone(
        lambda connection: snapshots.take(connection, backups_dir, "update", clock)
    )
    await asyncio.to_thread(snapshot_files.rotate, backups_dir)
    await asyncio.to_thread(_copy, taken, target)


async def min_writer(db: Database) -> int:
    """The oldest schema whose code may write to the database as it is now."""
    return await db.read(_min_writer)


def min_writer_of(path: Path) -> int:
    """The same of a database that nobody has open. Blocks.

    Raises:
        StorageUnavailable: it cannot be read.
    """
    try:
        with contextlib.closing(connect(path, create=False)) as connection:
            return _min_writer(connection)
    except sqlite3.Error as error:
        raise translate(error, path.parent) from error


def _min_writer(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key = 'min_writer'").fetchone()
    return int(row[0]) if row else 0


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        with contextlib.closing(connect(target, create=False)) as connection:
            connection.execute("BEGIN")
            for statement in _QUIET:
                connection.execute(statement)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise translate(error, target.parent) from error
    except OSError as error:
        raise disk_refusal(error) from error
