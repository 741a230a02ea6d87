"""How much is stored, in numbers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows and bytes; ``asset_bytes`` counts equal files once, as they are stored."""

    jobs: int
    presets: int
    asset_bytes: int
    gallery_bytes: int


class TotalStore:
    """Counts. It reads whole indexes, so not more often than somebody looks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self) -> Totals:
        def work(connection: sqlite3.Connection) -> Totals:
            row = connection.execute(
                "SELECT (SELECT COUNT(*) FROM jobs), "
                "(SELECT COUNT(*) FROM presets WHERE trashed_at IS NULL), "
                "(SELECT COALESCE(SUM(size_bytes), 0) FROM blobs), "
                "(SELECT COALESCE(SUM(size_bytes), 0) FROM civitai_pictures)"
            ).fetchone()
            return Totals(*map(int, row))

        return await self._db.read(work)
