"""Small settings that Studio keeps about itself, by name."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Final

from studio.store.db import Database

FORGETFUL: Final = "restored_database"


def is_forgetful(connection: sqlite3.Connection) -> bool:
    """The database took the place of another: files that it does not know may be its owner's."""
    query = "SELECT 1 FROM meta WHERE key = ? AND value = '1'"
    return connection.execute(query, (FORGETFUL,)).fetchone() is not None


class PrefStore:
    """Text values by key."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, key: str) -> str | None:
        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return None if row is None else str(row["value"])

        return await self._db.read(work)

    async def put(self, key: str, value: str) -> None:
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )
        )

    async def signing_key(self) -> bytes:
        """The key that signs links, made once per installation."""

        def work(connection: sqlite3.Connection) -> bytes:
            connection.execute(
                "INSERT OR IGNORE INTO meta (key, value) VALUES ('signing_key', ?)",
                (secrets.token_hex(32),),
            )
            row = connection.execute("SELECT value FROM meta WHERE key = 'signing_key'").fetchone()
            return bytes.fromhex(row["value"])

        return await self._db.write(work)
