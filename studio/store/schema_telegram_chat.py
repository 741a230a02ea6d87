"""The schema step of the bot's conversations: its answers are replies of stored ones."""

from __future__ import annotations

import sqlite3

_COLUMNS = (
    "conversation_id TEXT",
    "said TEXT",
    "files TEXT NOT NULL DEFAULT '[]'",
    "album TEXT",
    "begun INTEGER NOT NULL DEFAULT 0",
    "stopped INTEGER NOT NULL DEFAULT 0",
    "asking INTEGER NOT NULL DEFAULT 0",
    "shown INTEGER NOT NULL DEFAULT 0",
    "owed_at INTEGER NOT NULL DEFAULT 0",
)


def add_telegram_chat(connection: sqlite3.Connection) -> None:
    """Older code leaves the new columns out; what it owed has no conversation."""
    for column in _COLUMNS:
        connection.execute(f"ALTER TABLE telegram_replies ADD COLUMN {column}")
    connection.execute(
        "CREATE INDEX message_calls_by_job ON message_calls (job_id) WHERE job_id IS NOT NULL"
    )


def add_follows(connection: sqlite3.Connection) -> None:
    """Older code leaves it out, and says anew what would have changed another message."""
    connection.execute("ALTER TABLE telegram_outbox ADD COLUMN follows TEXT")
