"""The schema's step for the library: what is known about each file, and boards to put it on."""

from __future__ import annotations

import sqlite3

_STATEMENTS = (
    # Seeds reach 2**64, beyond what SQLite counts with, hence text.
    """CREATE TABLE pictures (
        seq INTEGER PRIMARY KEY,
        asset_id TEXT NOT NULL UNIQUE REFERENCES assets(id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users(id),
        job_seq INTEGER,
        created_at INTEGER NOT NULL, kind TEXT NOT NULL,
        width INTEGER, height INTEGER, duration_ms INTEGER, seed TEXT,
        workflow_id TEXT NOT NULL DEFAULT '', preset_id TEXT, batch_id TEXT,
        title TEXT NOT NULL DEFAULT '', name_key TEXT NOT NULL,
        rating INTEGER NOT NULL DEFAULT 0, favourite INTEGER NOT NULL DEFAULT 0,
        trashed_at INTEGER
    )""",
    # A page and its total are read from this index alone, whatever the filter.
    """CREATE INDEX pictures_shown ON pictures (
        created_at, user_id, kind, favourite, rating, workflow_id, width, height, seed,
        job_seq, batch_id, preset_id, name_key
    ) WHERE trashed_at IS NULL AND job_seq IS NOT NULL""",
    """CREATE INDEX pictures_rated ON pictures (rating DESC, created_at DESC)
    WHERE trashed_at IS NULL AND job_seq IS NOT NULL""",
    """CREATE INDEX pictures_uploaded ON pictures (created_at, user_id, kind, name_key)
    WHERE trashed_at IS NULL AND job_seq IS NULL""",
    """CREATE INDEX pictures_trashed ON pictures (trashed_at, user_id)
    WHERE trashed_at IS NOT NULL""",
    "CREATE INDEX pictures_by_job ON pictures (job_seq) WHERE job_seq IS NOT NULL",
    # What kind of file a name in job_models is.
    "CREATE TABLE model_kinds (model TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE boards (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id),
        name TEXT NOT NULL, name_key TEXT NOT NULL,
        cover TEXT REFERENCES assets(id) ON DELETE SET NULL,
        created_at INTEGER NOT NULL,
        UNIQUE (user_id, name_key)
    ) WITHOUT ROWID""",
    "CREATE INDEX boards_by_cover ON boards (cover) WHERE cover IS NOT NULL",
    """CREATE TABLE board_pictures (
        board_id TEXT NOT NULL REFERENCES boards(id) ON DELETE CASCADE,
        asset_id TEXT NOT NULL REFERENCES assets(id) ON DELETE CASCADE,
        added_at INTEGER NOT NULL,
        PRIMARY KEY (board_id, asset_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX board_pictures_by_asset ON board_pictures (asset_id)",
)


def add_library(connection: sqlite3.Connection) -> None:
    """Older code may write beside it: what it adds is found and indexed later."""
    for statement in _STATEMENTS:
        connection.execute(statement)


def add_picture_counts(connection: sqlite3.Connection) -> None:
    """What people filter by is counted in this index alone, in the order of its groups."""
    connection.execute(
        "CREATE INDEX pictures_counted ON pictures"
        " (user_id, workflow_id, kind, job_seq, trashed_at)"
        " WHERE trashed_at IS NULL AND job_seq IS NOT NULL"
    )
