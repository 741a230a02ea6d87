"""What each user prefers, as one JSON object."""

from __future__ import annotations

import sqlite3

from studio.store.db import Database


class PreferenceStore:
    """JSON text by user."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, user_id: str) -> str | None:
        """What was stored, ``None`` when nothing was."""

        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT value FROM preferences WHERE user_id = ?", (user_id,)
            ).fetchone()
            return None if row is None else str(row["value"])

        return await self._db.read(work)

    async def put(self, user_id: str, value: str, now_ms: int) -> None:
        """Replace it."""
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT INTO preferences (user_id, value, updated_at) VALUES (?, ?, ?) "
                "ON CONFLICT (user_id) DO UPDATE SET value = excluded.value, "
                "updated_at = excluded.updated_at",
                (user_id, value, now_ms),
            )
        )
