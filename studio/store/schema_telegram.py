"""The schema step of the Telegram bot: who is paired, what was heard, what is to be said."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    # Update ids are a bot's own: another token begins anew.
    """CREATE TABLE telegram_bots (
        bot_id INTEGER PRIMARY KEY, next_update INTEGER NOT NULL, heard_at INTEGER NOT NULL
    )""",
    """CREATE TABLE telegram_updates (
        bot_id INTEGER NOT NULL, update_id INTEGER NOT NULL, handled_at INTEGER NOT NULL,
        PRIMARY KEY (bot_id, update_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX telegram_updates_by_time ON telegram_updates (handled_at)",
    """CREATE TABLE telegram_codes (
        user_id TEXT PRIMARY KEY REFERENCES users(id), hash TEXT NOT NULL UNIQUE,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE telegram_pairings (
        id TEXT PRIMARY KEY, chat_id INTEGER NOT NULL UNIQUE,
        user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL, username TEXT,
        language TEXT NOT NULL, default_preset TEXT,
        notify_jobs INTEGER NOT NULL DEFAULT 0, notify_disk INTEGER NOT NULL DEFAULT 0,
        told_until INTEGER NOT NULL, disk_told INTEGER NOT NULL DEFAULT 0,
        paired_at INTEGER NOT NULL, blocked_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX telegram_pairings_by_user ON telegram_pairings (user_id)",
    """CREATE TABLE telegram_attempts (
        chat_id INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL
    )""",
    "CREATE INDEX telegram_attempts_by_time ON telegram_attempts (kind, at)",
    """CREATE TABLE telegram_dialogues (
        chat_id INTEGER PRIMARY KEY, state TEXT NOT NULL, updated_at INTEGER NOT NULL
    )""",
    """CREATE TABLE telegram_runs (
        id TEXT PRIMARY KEY, chat_id INTEGER NOT NULL, user_id TEXT NOT NULL REFERENCES users(id),
        title TEXT NOT NULL, run_order TEXT NOT NULL, message_id INTEGER,
        created_at INTEGER NOT NULL, done_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX telegram_runs_open ON telegram_runs (created_at) WHERE done_at IS NULL",
    "CREATE INDEX telegram_runs_by_chat ON telegram_runs (chat_id, created_at)",
    """CREATE TABLE telegram_run_jobs (
        job_id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES telegram_runs(id)
            ON DELETE CASCADE, position INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX telegram_run_jobs_by_run ON telegram_run_jobs (run_id)",
    """CREATE TABLE telegram_replies (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, chat_id INTEGER NOT NULL,
        user_id TEXT NOT NULL REFERENCES users(id), text TEXT NOT NULL, message_id INTEGER
    )""",
    "CREATE INDEX telegram_replies_by_chat ON telegram_replies (chat_id, seq)",
    """CREATE TABLE telegram_outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, chat_id INTEGER NOT NULL,
        body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL, ended_at INTEGER, message_id INTEGER, trouble TEXT
    )""",
    "CREATE INDEX telegram_outbox_waiting ON telegram_outbox (chat_id, seq) WHERE ended_at IS NULL",
    "CREATE INDEX telegram_outbox_ended ON telegram_outbox (ended_at) WHERE ended_at IS NOT NULL",
)


def add_telegram(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)
