"""The schema step of links that strangers may open."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE shares (
        id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, start TEXT NOT NULL,
        user_id TEXT NOT NULL REFERENCES users(id),
        kind TEXT NOT NULL, target TEXT NOT NULL, label TEXT NOT NULL,
        password TEXT, with_recipe INTEGER NOT NULL, fields TEXT NOT NULL,
        runs_per_hour INTEGER NOT NULL, runs_total INTEGER,
        created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER,
        opened INTEGER NOT NULL DEFAULT 0, runs INTEGER NOT NULL DEFAULT 0, last_used_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX shares_by_user ON shares (user_id, created_at)",
    # Neither jobs nor assets are referred to: what was counted stays counted when they are gone.
    """CREATE TABLE share_runs (
        id TEXT PRIMARY KEY, share_id TEXT NOT NULL REFERENCES shares(id) ON DELETE CASCADE,
        visit TEXT NOT NULL, address TEXT NOT NULL, job_id TEXT, created_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX share_runs_by_share ON share_runs (share_id, created_at)",
    "CREATE INDEX share_runs_by_address ON share_runs (address, created_at)",
    """CREATE TABLE share_files (
        id TEXT PRIMARY KEY, share_id TEXT NOT NULL REFERENCES shares(id) ON DELETE CASCADE,
        visit TEXT NOT NULL, asset_id TEXT, created_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX share_files_by_share ON share_files (share_id, created_at)",
)


def add_shares(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: a link leads to whatever is there when it is opened."""
    for statement in _STATEMENTS:
        connection.execute(statement)
