"""The schema's step for Civitai's pictures: what is kept of them, and who likes which."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    """CREATE TABLE civitai_pictures (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL, url TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE, size_bytes INTEGER NOT NULL, content_type TEXT NOT NULL,
        kind TEXT NOT NULL, width INTEGER, height INTEGER,
        nsfw_level INTEGER NOT NULL, creator TEXT, base_model TEXT,
        recipe TEXT, resources TEXT NOT NULL, kept_at INTEGER NOT NULL
    )""",
    # The same bytes can have been published several times: they are kept once, under each id.
    """CREATE TABLE civitai_picture_ids (
        picture_id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES civitai_pictures(seq) ON DELETE CASCADE
    ) WITHOUT ROWID""",
    "CREATE INDEX civitai_picture_ids_by_seq ON civitai_picture_ids (seq)",
    """CREATE TABLE civitai_picture_versions (
        version_id INTEGER NOT NULL,
        seq INTEGER NOT NULL REFERENCES civitai_pictures(seq) ON DELETE CASCADE,
        PRIMARY KEY (version_id, seq)
    ) WITHOUT ROWID""",
    "CREATE INDEX civitai_picture_versions_by_seq ON civitai_picture_versions (seq)",
    """CREATE TABLE civitai_stars (
        user_id TEXT NOT NULL REFERENCES users(id),
        seq INTEGER NOT NULL REFERENCES civitai_pictures(seq) ON DELETE CASCADE,
        stars INTEGER NOT NULL,
        PRIMARY KEY (user_id, seq)
    ) WITHOUT ROWID""",
    "CREATE INDEX civitai_stars_by_seq ON civitai_stars (seq)",
)


def add_civitai(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows none of these tables."""
    for statement in _STATEMENTS:
        connection.execute(statement)
