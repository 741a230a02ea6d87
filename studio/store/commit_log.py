"""The log beside a database: which commits are synced, and when it is folded into the file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from studio.store.connection import LOG_BYTES


class CommitLog:
    """What is done about the log of one database; commits themselves write it.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = f"{path}-wal"
        self._is_synced = True

    def sync_commits(self, connection: sqlite3.Connection, wanted: bool) -> None:
        """Whether the commits to come are synced; those of a new connection are."""
        if wanted is not self._is_synced:
            connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._is_synced = wanted

    def is_long(self) -> bool:
        """Whether the log, to which something was just written, is to be folded.

        A log that was folded is written anew from its beginning, and cut to ``LOG_BYTES`` by the
        first commit. So what is longer after a commit is not folded yet.
        """
        try:
            return os.stat(self._path).st_size > LOG_BYTES  # noqa: PTH116 - after every commit
        except OSError:
            return False

    def let_go(self) -> None:
        """The connection is gone: the next one may find another log."""
        self._is_synced = True
