"""The schema's step for the editor's port: who is inside, and prompts on their way."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE editor_visits (
        token_hash TEXT PRIMARY KEY,
        session_id TEXT REFERENCES sessions(id) ON DELETE CASCADE,
        key_id TEXT REFERENCES api_keys(id) ON DELETE CASCADE,
        created_at INTEGER NOT NULL,
        CHECK ((session_id IS NULL) <> (key_id IS NULL))
    ) WITHOUT ROWID""",
    "CREATE INDEX editor_visits_by_session ON editor_visits (session_id)",
    "CREATE INDEX editor_visits_by_key ON editor_visits (key_id)",
    # A revoked key keeps its row, and the environment's may come back to life: its visits may not.
    """CREATE TRIGGER editor_visits_end_with_key AFTER UPDATE OF revoked_at ON api_keys
        WHEN NEW.revoked_at IS NOT NULL
        BEGIN DELETE FROM editor_visits WHERE key_id = NEW.id; END""",
    """CREATE TABLE editor_prompts (
        prompt_id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        engine TEXT NOT NULL, graph BLOB NOT NULL, created_at INTEGER NOT NULL
    )""",
)


def add_editor(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: the visits end with the rows that it removes."""
    for statement in _STATEMENTS:
        connection.execute(statement)
