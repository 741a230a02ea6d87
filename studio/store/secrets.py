"""Named secrets of users: written, listed by name, revealed only to what runs a job."""

from __future__ import annotations

import sqlite3

from studio.errors import NotFound
from studio.store.db import Database


class SecretStore:
    """Secrets by user and name."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, user_id: str, name: str, value: str, now_ms: int) -> None:
        """Store or replace a secret."""
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT INTO secrets (user_id, name, value, updated_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, "
                "updated_at = excluded.updated_at",
                (user_id, name, value, now_ms),
            )
        )

    async def names(self, user_id: str) -> list[tuple[str, int]]:
        """(name, time of the last change in ms), never a value."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, int]]:
            rows = connection.execute(
                "SELECT name, updated_at FROM secrets WHERE user_id = ? ORDER BY name", (user_id,)
            )
            return [(row["name"], row["updated_at"]) for row in rows]

        return await self._db.read(work)

    async def reveal(self, user_id: str, name: str) -> str:
        """The value, for the one request that needs it.

        Raises:
            NotFound: there is no such secret.
        """

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute(
                "SELECT value FROM secrets WHERE user_id = ? AND name = ?", (user_id, name)
            ).fetchone()
            if row is None:
                raise NotFound(f"There is no secret named {name}.")
            return str(row["value"])

        return await self._db.read(work)

    async def values(self) -> list[str]:
        """Every value of everybody's, to hide them in what others wrote; for nothing else."""

        def work(connection: sqlite3.Connection) -> list[str]:
            return [str(row["value"]) for row in connection.execute("SELECT value FROM secrets")]

        return await self._db.read(work)

    async def delete(self, user_id: str, name: str) -> None:
        """Forget a secret.

        Raises:
            NotFound: there is no such secret.
        """

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM secrets WHERE user_id = ? AND name = ?", (user_id, name)
            )
            if gone.rowcount == 0:
                raise NotFound("There is no secret of that name.")

        await self._db.write(work)
