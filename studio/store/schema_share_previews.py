"""The schema step of links that show pictures while they are made."""

from __future__ import annotations

import sqlite3


def add_share_previews(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: its links show what new ones show unless told otherwise."""
    connection.execute("ALTER TABLE shares ADD COLUMN with_previews INTEGER NOT NULL DEFAULT 1")
