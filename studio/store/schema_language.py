"""The schema's step for language models: how each one is to run."""

from __future__ import annotations

import sqlite3


def add_language(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: a model without a row runs as it does by default."""
    connection.execute(
        """CREATE TABLE language_models (
            name TEXT PRIMARY KEY,
            context INTEGER NOT NULL,
            gpu_layers INTEGER NOT NULL,
            threads INTEGER NOT NULL,
            keep_minutes INTEGER NOT NULL,
            pinned INTEGER NOT NULL,
            projector TEXT,
            chat_format TEXT NOT NULL,
            embeddings INTEGER NOT NULL,
            confirmed TEXT NOT NULL,
            updated_at INTEGER NOT NULL
        ) WITHOUT ROWID"""
    )
