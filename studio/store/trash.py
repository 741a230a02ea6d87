"""The trash of workflows and presets: what has lain there for thirty days goes."""

from __future__ import annotations

import sqlite3
from typing import Final

from studio.settings import DAY_MS
from studio.store.db import Database

TRASH_MS: Final = 30 * DAY_MS
_AT_ONCE: Final = 20
"""A workflow may bring hundreds of versions along, and others want to write meanwhile."""
_QUERIES: Final = (
    "DELETE FROM presets WHERE id IN (SELECT id FROM presets WHERE trashed_at < ? LIMIT ?)",
    # One of a folder has no owner: it is only hidden, and would come back at the next start.
    "DELETE FROM workflows WHERE id IN "
    "(SELECT id FROM workflows WHERE owner IS NOT NULL AND trashed_at < ? LIMIT ?)",
)


class TrashStore:
    """Deletes from the trash, whoever's it is."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def empty(self, now_ms: int) -> int:
        """Delete what has been there for long enough, and say how much that was."""
        return sum([await self._delete(query, now_ms - TRASH_MS) for query in _QUERIES])

    async def _delete(self, query: str, before_ms: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(query, (before_ms, _AT_ONCE)).rowcount

        total = deleted = await self._db.write(work)
        while deleted == _AT_ONCE:
            deleted = await self._db.write(work)
            total += deleted
        return total
