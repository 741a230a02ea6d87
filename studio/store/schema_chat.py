"""The schema step of conversations: presets, conversations, messages, tool calls."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE chat_presets (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        name TEXT NOT NULL, description TEXT NOT NULL, manner TEXT NOT NULL,
        shared INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX chat_presets_by_user ON chat_presets (user_id)",
    """CREATE TABLE conversations (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        title TEXT NOT NULL, titled_by TEXT NOT NULL, preset_id TEXT, manner TEXT NOT NULL,
        tip TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX conversations_by_user ON conversations (user_id, updated_at)",
    # Without a foreign key to the parent: all of a conversation goes at once, or nothing.
    """CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        parent TEXT, role TEXT NOT NULL, text TEXT NOT NULL, thoughts TEXT NOT NULL,
        status TEXT NOT NULL, error TEXT, model TEXT NOT NULL, usage TEXT,
        dropped INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    )""",
    "CREATE INDEX messages_by_conversation ON messages (conversation_id, seq)",
    "CREATE INDEX messages_unfinished ON messages (status) WHERE status = 'writing'",
    """CREATE TABLE message_files (
        message_id TEXT NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        asset_id TEXT NOT NULL REFERENCES assets(id) ON DELETE CASCADE,
        PRIMARY KEY (message_id, position)
    ) WITHOUT ROWID""",
    "CREATE INDEX message_files_by_asset ON message_files (asset_id)",
    """CREATE TABLE message_calls (
        message_id TEXT NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
        number INTEGER NOT NULL, call_id TEXT NOT NULL, name TEXT NOT NULL,
        arguments TEXT NOT NULL, state TEXT NOT NULL, title TEXT NOT NULL,
        expected_ms INTEGER, job_id TEXT, result TEXT NOT NULL, assets TEXT NOT NULL,
        began_at INTEGER, PRIMARY KEY (message_id, number)
    ) WITHOUT ROWID""",
    # With a text of its own: a reply is found by what it had when it was last kept.
    """CREATE VIRTUAL TABLE messages_fts USING fts5 (
        text, tokenize='unicode61 remove_diacritics 2'
    )""",
)


def add_chat(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)


def add_call_errors(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: a refused call without one is told as it was."""
    connection.execute("ALTER TABLE message_calls ADD COLUMN error TEXT")
