"""The schema's step for what people may use up, and for programs that log in by a code."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    # Of whom: a user's id, or the name of a role. No value is no limit; no row is the default.
    """CREATE TABLE quotas (
        whose TEXT NOT NULL, quota TEXT NOT NULL, value INTEGER,
        PRIMARY KEY (whose, quota)
    ) WITHOUT ROWID""",
    # Days since the epoch, UTC. Beside the jobs, because those can be deleted.
    """CREATE TABLE gpu_days (
        user_id TEXT NOT NULL REFERENCES users(id), day INTEGER NOT NULL, kind TEXT NOT NULL,
        seconds REAL NOT NULL, PRIMARY KEY (user_id, day, kind)
    ) WITHOUT ROWID""",
    "ALTER TABLE api_keys ADD COLUMN requests_per_minute INTEGER",
    """CREATE TABLE program_logins (
        device_hash TEXT PRIMARY KEY, user_hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL, scopes TEXT NOT NULL, address TEXT NOT NULL,
        created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        user_id TEXT REFERENCES users(id), refused INTEGER NOT NULL DEFAULT 0,
        key_expires_at INTEGER
    ) WITHOUT ROWID""",
)


def add_membership(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: what it runs is not counted, and its keys have no limit."""
    for statement in _STATEMENTS:
        connection.execute(statement)
