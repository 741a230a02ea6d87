"""The schema step of resumable uploads."""

from __future__ import annotations

import sqlite3


def add_uploads(connection: sqlite3.Connection) -> None:
    """Uploads and the parts of them; code that knows neither may write beside them."""
    connection.execute("""
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
            file_path TEXT NOT NULL, size_bytes INTEGER NOT NULL, part_bytes INTEGER NOT NULL,
            expected_hash TEXT, declared_type TEXT, tags TEXT NOT NULL, expires_in INTEGER,
            created_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, asset_id TEXT
        ) WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX uploads_by_user ON uploads (user_id, created_at)")
    connection.execute("CREATE INDEX uploads_by_touch ON uploads (touched_at)")
    connection.execute("""
        CREATE TABLE upload_parts (
            upload_id TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE,
            number INTEGER NOT NULL, sender TEXT NOT NULL, received INTEGER NOT NULL,
            PRIMARY KEY (upload_id, number)
        ) WITHOUT ROWID
    """)
