"""Settings that were stored in Studio itself, secret ones too: text by key."""

from __future__ import annotations

import sqlite3

from studio.store.db import Database


class SettingStore:
    """Text values by key; they are no secrets of jobs, which any graph may be sent with."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> dict[str, str]:
        """Every stored value."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            rows = connection.execute("SELECT key, value FROM settings")
            return {row["key"]: row["value"] for row in rows}

        return await self._db.read(work)

    async def put(self, key: str, value: str, now_ms: int) -> None:
        """Store or replace a value."""
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT INTO settings (key, value, updated_at) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
                "updated_at = excluded.updated_at",
                (key, value, now_ms),
            )
        )

    async def delete(self, key: str) -> None:
        """Forget a value, if there is one."""
        await self._db.write(
            lambda connection: connection.execute("DELETE FROM settings WHERE key = ?", (key,))
        )
