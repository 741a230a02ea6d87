"""The schema's step for drawing models: what programs call by a name, and what draws for it."""

from __future__ import annotations

import sqlite3


def add_drawing(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: it knows nothing of these tables."""
    connection.execute(
        "CREATE TABLE drawing_models (name TEXT PRIMARY KEY, generate TEXT, edit TEXT,"
        " updated_at INTEGER NOT NULL) WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE drawing_orders (user_id TEXT NOT NULL REFERENCES users(id),"
        " key TEXT NOT NULL, digest TEXT NOT NULL, jobs TEXT NOT NULL,"
        " created_at INTEGER NOT NULL, PRIMARY KEY (user_id, key)) WITHOUT ROWID"
    )
