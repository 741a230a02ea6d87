"""The schema step of webhooks: who is told what, and what is yet to be told."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE webhooks (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), kind TEXT NOT NULL,
        name TEXT NOT NULL, url TEXT NOT NULL, events TEXT NOT NULL,
        secret TEXT NOT NULL, old_secret TEXT, old_secret_until INTEGER,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        paused_at INTEGER, disabled_at INTEGER, disabled_reason TEXT,
        failing_since INTEGER, succeeded_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX webhooks_by_user ON webhooks (user_id)",
    "CREATE UNIQUE INDEX webhooks_of_jobs ON webhooks (user_id) WHERE kind = 'jobs'",
    """CREATE TABLE job_webhooks (
        job_id TEXT PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
        webhook_id TEXT NOT NULL, url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX job_webhooks_by_url ON job_webhooks (webhook_id, url)",
    """CREATE TABLE webhook_deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        webhook_id TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
        key TEXT NOT NULL, type TEXT NOT NULL, lane TEXT NOT NULL, body TEXT NOT NULL,
        endpoint TEXT NOT NULL, url TEXT, secret TEXT,
        state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL, next_at INTEGER, ended_at INTEGER,
        UNIQUE (webhook_id, key)
    )""",
    "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'waiting'",
    "CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, seq)",
    "CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook_id, state)",
    "CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (lane) WHERE state = 'waiting'",
    "CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at)"
    " WHERE ended_at IS NOT NULL",
    """CREATE TABLE webhook_attempts (
        delivery_seq INTEGER NOT NULL REFERENCES webhook_deliveries(seq) ON DELETE CASCADE,
        at INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
        status INTEGER, error TEXT, answer TEXT NOT NULL
    )""",
    "CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (delivery_seq)",
)


def add_webhooks(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it tells nobody, and knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)
