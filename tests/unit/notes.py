"""A table of notes, for the tests of the database itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

from studio.store.db import Database, Work
from studio.store.migrations import migrate


def schema(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")


def add(connection: sqlite3.Connection, text: str) -> int:
    row = connection.execute("INSERT INTO notes (text) VALUES (?) RETURNING id", (text,)).fetchone()
    return int(row[0])


def adding(text: str) -> Work[int]:
    return lambda connection: add(connection, text)


def texts(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY id")]


async def hold(db: Database, release: threading.Event) -> asyncio.Task[bool]:
    """Keep the database's thread busy, so that what follows shares one batch."""
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_: sqlite3.Connection) -> bool:
        loop.call_soon_threadsafe(entered.set)
        return release.wait(10)

    task = asyncio.create_task(db.read(wait))
    await entered.wait()
    return task
