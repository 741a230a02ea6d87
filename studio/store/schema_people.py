"""The schema's step for people: passwords, sessions, and links that work once."""

from __future__ import annotations

import sqlite3

from studio.models import OWNER_ID

_STATEMENTS = (
    "ALTER TABLE users ADD COLUMN name_key TEXT",
    "ALTER TABLE users ADD COLUMN password TEXT",
    "ALTER TABLE users ADD COLUMN disabled_at INTEGER",
    "ALTER TABLE users ADD COLUMN last_seen_at INTEGER",
    "CREATE UNIQUE INDEX users_by_name_key ON users (name_key)",
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES users(id),
        created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        client TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX sessions_by_user ON sessions (user_id)",
    """CREATE TABLE invitations (
        id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        role TEXT NOT NULL, user_id TEXT REFERENCES users(id),
        created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
)


def add_people(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it changes nothing of users but their GPU seconds."""
    for statement in _STATEMENTS:
        connection.execute(statement)
    connection.execute("UPDATE users SET name_key = 'owner' WHERE id = ?", (OWNER_ID,))
