"""Who did what: rows that are only added, read newest first, and trimmed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from studio.store.db import Database

MAX_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. ``at`` is milliseconds since the epoch.

    ``user_id`` is ``None`` when nobody who is known did it; ``seq`` is its number once stored.
    """

    at: int
    user_id: str | None
    kind: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)
    user_name: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """What a page should hold; ``None`` and empty mean everything.

    ``kind`` is a whole kind, or with a dot at its end all that begin so. ``before`` is the number
    of the last entry of the page before.
    """

    user_id: str | None = None
    kind: str = ""
    text: str = ""
    before: int | None = None
    limit: int = 100


class ActivityStore:
    """Adds and reads entries."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, entries: Sequence[Entry]) -> list[Entry]:
        """Store entries; return them with their numbers and the names of their users."""

        def work(connection: sqlite3.Connection) -> list[Entry]:
            seqs = [connection.execute(_INSERT, _values(entry)).lastrowid or 0 for entry in entries]
            # Numbers are given without gaps, so this leaves the newest MAX_ROWS.
            connection.execute("DELETE FROM activity WHERE seq <= ?", (seqs[-1] - MAX_ROWS,))
            rows = connection.execute(f"{_SELECT} WHERE seq >= ? ORDER BY seq", (seqs[0],))
            return [_entry(row) for row in rows]

        return await self._db.write(work)

    async def page(self, wanted: ActivityFilter) -> list[Entry]:
        """Entries, the newest first."""
        conditions, values = ["1"], list[Any]()
        if wanted.user_id is not None:
            conditions.append("activity.user_id = ?")
            values.append(wanted.user_id)
        if wanted.kind.endswith("."):
            # The character after the dot bounds all that begin with it.
            conditions.append("kind > ? AND kind < ?")
            values += [wanted.kind, f"{wanted.kind[:-1]}/"]
        elif wanted.kind:
            conditions.append("kind = ?")
            values.append(wanted.kind)
        if wanted.text:
            conditions.append("(instr(lower(subject), ?) OR instr(lower(users.name), ?))")
            values += [wanted.text.lower()] * 2
        if wanted.before is not None:
            conditions.append("seq < ?")
            values.append(wanted.before)
        query = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"

        def work(connection: sqlite3.Connection) -> list[Entry]:
            return [_entry(row) for row in connection.execute(query, (*values, wanted.limit))]

        return await self._db.read(work)


_INSERT: Final = "INSERT INTO activity (at, user_id, kind, subject, data) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = (
    "SELECT seq, at, activity.user_id, users.name AS user_name, kind, subject, data "
    "FROM activity LEFT JOIN users ON users.id = activity.user_id"
)


def _values(entry: Entry) -> tuple[int, str | None, str, str, str]:
    return entry.at, entry.user_id, entry.kind, entry.subject, json.dumps(dict(entry.data))


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        at=row["at"],
        user_id=row["user_id"],
        kind=row["kind"],
        subject=row["subject"],
        data=json.loads(row["data"]),
        user_name=row["user_name"],
        seq=row["seq"],
    )
