"""Files that were fetched for jobs: their rows, and what lies in the folders of the cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.remote import is_cached_name
from studio.store.db import Database

Place = tuple[str, str]
"""Folder and name of a file in the cache."""


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One file. ``used_at`` is in milliseconds since the epoch."""

    folder: str
    name: str
    size_bytes: int
    used_at: int

    @property
    def place(self) -> Place:
        return self.folder, self.name


class ModelCacheStore:
    """Rows of the cache, and the files below ``root`` that they are about."""

    def __init__(self, db: Database, root: Path) -> None:
        self._db = db
        self._root = root

    async def all(self) -> list[CachedFile]:
        """Every row."""

        def work(connection: sqlite3.Connection) -> list[CachedFile]:
            rows = connection.execute("SELECT folder, name, size_bytes, used_at FROM model_cache")
            return [CachedFile(*row) for row in rows]

        return await self._db.read(work)

    async def put(self, files: Iterable[CachedFile]) -> None:
        """Store new ones, or when known ones were used."""
        values = [(file.folder, file.name, file.size_bytes, file.used_at) for file in files]
        await self._db.write(
            lambda connection: connection.executemany(
                "INSERT INTO model_cache (folder, name, size_bytes, used_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (folder, name) DO UPDATE SET size_bytes = excluded.size_bytes,"
                " used_at = excluded.used_at",
                values,
            )
        )

    async def forget(self, places: Iterable[Place]) -> None:
        """Remove rows."""
        values = list(places)
        await self._db.write(
            lambda connection: connection.executemany(
                "DELETE FROM model_cache WHERE folder = ? AND name = ?", values
            )
        )

    # -- files; these block ------------------------------------------------------------------------

    def scan(self) -> list[CachedFile]:
        """Every file of the cache as it lies on disk; the time is that of its last change.

        Files of other names are nobody's business here.
        """
        found = []
        for path in self._root.glob("*/*"):
            if is_cached_name(path.name) and path.is_file() and not path.is_symlink():
                facts = path.stat()
                file = CachedFile(
                    path.parent.name, path.name, facts.st_size, facts.st_mtime_ns // 1_000_000
                )
                found.append(file)
        return found

    def size(self, place: Place) -> int | None:
        """How large a file is, ``None`` when it is not there."""
        try:
            return self._path(place).stat().st_size
        except OSError:
            return None

    def remove(self, place: Place) -> None:
        """Remove a file; one that is gone already is no fault.

        Raises:
            OSError: it stays.
        """
        self._path(place).unlink(missing_ok=True)

    def _path(self, place: Place) -> Path:
        folder, name = place
        return self._root / folder / name
