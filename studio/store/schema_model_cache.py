"""The schema step of the cache of models."""

from __future__ import annotations

import sqlite3


def add_model_cache(connection: sqlite3.Connection) -> None:
    """Which files are in the cache and when each was used; older code may write beside it."""
    connection.execute("""
        CREATE TABLE model_cache (
            folder TEXT NOT NULL, name TEXT NOT NULL,
            size_bytes INTEGER NOT NULL, used_at INTEGER NOT NULL,
            PRIMARY KEY (folder, name)
        ) WITHOUT ROWID
    """)
