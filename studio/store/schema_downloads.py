"""The schema step of downloads."""

from __future__ import annotations

import sqlite3


def add_downloads(connection: sqlite3.Connection) -> None:
    """The queue of downloads; code that does not know it may write beside it."""
    connection.execute("""
        CREATE TABLE downloads (
            id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
            reference TEXT NOT NULL, root TEXT NOT NULL, folder TEXT NOT NULL, name TEXT,
            state TEXT NOT NULL, priority INTEGER NOT NULL, rank REAL NOT NULL,
            expected_sha256 TEXT, expected_bytes INTEGER,
            allow_pickle INTEGER NOT NULL, replaces INTEGER NOT NULL,
            size_bytes INTEGER, sha256 TEXT, page TEXT, license TEXT, error TEXT,
            created_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER
        ) WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX downloads_by_end ON downloads (ended_at)")
