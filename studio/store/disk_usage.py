"""How many bytes the files of the library have, as the database knows them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class LibraryBytes:
    """Each blob counts once, however many files share it."""

    outputs: int
    uploads: int
    trash: int


class DiskUsageStore:
    """Sums over assets."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def library(self) -> LibraryBytes:
        """What is shown, and what lies in the trash alone."""

        def work(connection: sqlite3.Connection) -> LibraryBytes:
            rows = connection.execute(
                "SELECT kind, SUM(size_bytes) AS bytes FROM (SELECT size_bytes, CASE "
                "WHEN MIN(trashed_at IS NOT NULL) THEN 'trash' "
                "WHEN MAX(job_id IS NOT NULL) THEN 'outputs' ELSE 'uploads' END AS kind "
                "FROM assets GROUP BY hash) GROUP BY kind"
            )
            found = {row["kind"]: int(row["bytes"]) for row in rows}
            return LibraryBytes(*(found.get(name, 0) for name in ("outputs", "uploads", "trash")))

        return await self._db.read(work)
