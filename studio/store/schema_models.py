"""The schema's step for model files: what is known of each file under the roots."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE model_files (
        id TEXT PRIMARY KEY,
        root TEXT NOT NULL, place TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
        name_key TEXT NOT NULL, base_key TEXT NOT NULL,
        size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        sha256 TEXT, checked_at INTEGER, expected_sha256 TEXT, fault TEXT NOT NULL DEFAULT '',
        reference TEXT,
        kind TEXT, family TEXT, belongs_in TEXT,
        trigger_words TEXT NOT NULL DEFAULT '[]', facts TEXT NOT NULL DEFAULT '{}',
        notes TEXT NOT NULL DEFAULT '', favourite INTEGER NOT NULL DEFAULT 0,
        added_at INTEGER NOT NULL,
        UNIQUE (root, place, name)
    ) WITHOUT ROWID""",
    "CREATE INDEX model_files_by_hash ON model_files (sha256) WHERE sha256 IS NOT NULL",
    """CREATE INDEX model_files_unhashed ON model_files (size_bytes)
    WHERE checked_at IS NULL AND fault <> 'unreadable'""",
    "CREATE INDEX model_files_by_base ON model_files (base_key)",
)


def add_models(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows nothing of this table."""
    for statement in _STATEMENTS:
        connection.execute(statement)
