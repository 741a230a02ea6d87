"""The schema step of saved prompts, word lists, presets and batches."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE prompts (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        name TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL,
        shared INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX prompts_by_user ON prompts (user_id)",
    """CREATE TABLE word_lists (
        user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL,
        content TEXT NOT NULL, line_count INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        PRIMARY KEY (user_id, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE presets (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        name TEXT NOT NULL, description TEXT NOT NULL,
        workflow_id TEXT NOT NULL, workflow_version INTEGER, "values" TEXT NOT NULL,
        tags TEXT NOT NULL, rating INTEGER NOT NULL, cover TEXT, shared INTEGER NOT NULL,
        runs INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, trashed_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX presets_by_user ON presets (user_id)",
    "CREATE INDEX presets_by_workflow ON presets (workflow_id)",
    """CREATE TABLE batches (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        title TEXT NOT NULL, workflow_id TEXT NOT NULL, workflow_version INTEGER NOT NULL,
        preset_id TEXT, axes TEXT NOT NULL, created_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX batches_by_user ON batches (user_id, created_at)",
)


def add_presets(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)
