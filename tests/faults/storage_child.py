"""Programs that the storage tests start, kill, stop and starve. Each prints one fact a line."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import random
import resource
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from studio.clock import Clock
from studio.errors import StudioError
from studio.store import lease as lease_module
from studio.store import outage, snapshots
from studio.store.db import Database, Work
from studio.store.lease import HeldByOther, Lease, LeaseLost
from studio.store.migrations import Migration, migrate


def say(*words: object) -> None:
    print(*words, flush=True)


def schema(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, who, data)")


def inserting(who: str, size_bytes: int) -> Work[int]:
    def work(connection: sqlite3.Connection) -> int:
        row = connection.execute(
            "INSERT INTO rows (who, data) VALUES (?, randomblob(?)) RETURNING id", (who, size_bytes)
        ).fetchone()
        return int(row[0])

    return work


async def commit_for_ever(path: Path) -> None:
    """Writes, alone and in groups, until killed; ids are printed once they are durable."""
    db = Database(path)
    await db.open(schema)
    say("ready")
    while True:
        writes = (
            db.write(inserting("x", random.randrange(20_000))) for _ in range(random.choice((1, 3)))
        )
        for number in await asyncio.gather(*writes):
            say("id", number)


async def commit_some(path: Path, count: int) -> None:
    """``count`` writes in a storage that fails now and then, then a clean close."""
    _replace(outage, "_RETRY_MIN_S", 0.0)
    db = Database(path)
    try:
        await db.open(schema)
    except (StudioError, sqlite3.Error) as error:
        say("refused", type(error).__name__)
        return
    for _ in range(count):
        try:
            say("id", await db.write(inserting("x", 6000)))
        except StudioError as error:
            say("refused", type(error).__name__)
    await db.close()
    say("closed")


async def commit_until_full(path: Path) -> None:
    """Write until the file size limit is met; go on when the limit is lifted."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _replace(outage, "_RETRY_MIN_S", 0.02)
    db = Database(path)
    await db.open(schema)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
    refused = 0
    while refused < 3:
        try:
            say("id", await db.write(inserting("x", 50_000)))
        except StudioError as error:
            refused += 1
            say("refused", type(error).__name__)
            assert db.fault is not None
            await db.read(lambda c: c.execute("SELECT count(*) FROM rows").fetchone())
            await asyncio.sleep(0.05)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await _write_again(db)


async def commit_until_volume_is_full(path: Path, ballast: Path) -> None:
    """The same on a volume that is really full, until the ballast is removed."""
    _replace(outage, "_RETRY_MIN_S", 0.02)
    db = Database(path)
    await db.open(schema)
    while True:
        try:
            say("id", await db.write(inserting("x", 20_000)))
        except StudioError as error:
            say("refused", type(error).__name__)
            break
    await asyncio.to_thread(ballast.unlink)
    await _write_again(db)


async def _write_again(db: Database) -> None:
    while db.fault is not None:
        await asyncio.sleep(0.03)
        with contextlib.suppress(StudioError):
            await db.probe()
    say("recovered")
    say("id", await db.write(inserting("x", 1000)))
    await db.close()
    say("closed")


def slow_migrations(count: int) -> list[Migration]:
    def step(number: int) -> Migration:
        def run(connection: sqlite3.Connection) -> None:
            connection.execute(f"CREATE TABLE step_{number} (id INTEGER PRIMARY KEY, data)")
            for _ in range(4):
                connection.execute(f"INSERT INTO step_{number} (data) VALUES (randomblob(50000))")
                time.sleep(0.002)
            connection.execute(f"CREATE INDEX step_{number}_by_data ON step_{number} (data)")

        return run

    return [step(number) for number in range(count)]


async def migrate_slowly(path: Path, count: int) -> None:
    db = Database(path)
    say("ready")
    await db.open(lambda connection: say("version", migrate(connection, slow_migrations(count))))
    await db.close()


async def hold_volume(folder: Path, host: str, mode: str) -> None:
    """A Studio on a volume whose locks lie: every lock succeeds for everybody.

    Time runs faster: a beat each 0.1 s, and silence for 2 s frees the lease.
    """
    _let_locks_lie()
    for name, value in (("BEAT_S", 0.1), ("HELD_S", 2.0), ("HELD_OLD_S", 1.0), ("LOST_S", 1.5)):
        _replace(lease_module, name, value)
    _replace(snapshots, "SETTLE_S", 0.3)
    _replace(socket, "gethostname", lambda: host)
    lease = Lease(folder / "lease.json", Clock())
    take_over = mode == "take-over"
    while isinstance(found := lease.acquire(take_over=take_over), HeldByOther):
        say("waits", found.holder.host if found.holder else "-")
        await asyncio.sleep(0.02)
    if found.fence:
        say("fenced", snapshots.fence(folder / "studio.db"))
    say("holds")
    db = Database(folder / "studio.db", lease.check)
    await db.open(schema)
    keeper = asyncio.create_task(_keep(lease, db))
    while db.fault is None:
        with contextlib.suppress(StudioError):
            say("id", await db.write(inserting(host, 3000)))
        await asyncio.sleep(0.003)
    say("halted")
    await asyncio.gather(keeper)
    await db.close()
    lease.release()
    say("closed")


async def _keep(lease: Lease, db: Database) -> None:
    try:
        await lease.keep()
    except LeaseLost as error:
        db.halt(error.message)


def _replace(owner: object, name: str, value: object) -> None:
    """For the rest of this process."""
    mock.patch.object(owner, name, value).start()


def _let_locks_lie() -> None:
    def succeed(*_: object) -> None:
        return None

    opened = sqlite3.connect

    def connect(place: str, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = opened(f"{place}&vfs=unix-none", **options)
        return connection

    _replace(fcntl, "flock", succeed)
    _replace(fcntl, "lockf", succeed)
    _replace(sqlite3, "connect", connect)


def main(arguments: list[str]) -> None:
    name, path, *rest = arguments
    programs = {
        "commit-for-ever": lambda: commit_for_ever(Path(path)),
        "commit-some": lambda: commit_some(Path(path), int(rest[0])),
        "commit-until-full": lambda: commit_until_full(Path(path)),
        "commit-until-volume-is-full": lambda: commit_until_volume_is_full(
            Path(path), Path(rest[0])
        ),
        "migrate": lambda: migrate_slowly(Path(path), int(rest[0])),
        "hold": lambda: hold_volume(Path(path), rest[0], rest[1]),
    }
    asyncio.run(programs[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
