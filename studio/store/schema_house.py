"""The schema's step for the house itself: settings, what people prefer, and who did what."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE settings (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE preferences (
        user_id TEXT PRIMARY KEY REFERENCES users(id), value TEXT NOT NULL,
        updated_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    # Without a foreign key: what was done stays told when whoever did it is no more.
    """CREATE TABLE activity (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, user_id TEXT,
        kind TEXT NOT NULL, subject TEXT NOT NULL, data TEXT NOT NULL
    )""",
    "CREATE INDEX activity_by_user ON activity (user_id, seq)",
    "CREATE INDEX activity_by_kind ON activity (kind, seq)",
)


def add_house(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)
