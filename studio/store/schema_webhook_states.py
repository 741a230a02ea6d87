"""The schema step of what webhooks were told last, and of whose turn among them it is."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE webhook_states (
        webhook_id TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
        subject TEXT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (webhook_id, subject)
    ) WITHOUT ROWID""",
    "CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries"
    " (endpoint, next_at, seq, lane) WHERE state = 'waiting'",
)


def add_webhook_states(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it tells states without a row, which are told once more."""
    for statement in _STATEMENTS:
        connection.execute(statement)
