"""The log beside a database: which commits are synced, and when it is folded into the file."""

from __future__ import annotations

import contextlib
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
        self._handle: int | None = None
        self._is_synced = True

    def sync_commits(self, connection: sqlite3.Connection, wanted: bool) -> None:
        """Whether the commits to come are synced; those of a new connection are."""
        if wanted is not self._is_synced:
            connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._is_synced = wanted

    def sync(self) -> None:
        """Sync what was committed without.

        Raises:
            sqlite3.OperationalError: what SQLite itself says of a sync that fails.
        """
        try:
            if self._handle is None:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            os.fdatasync(self._handle)
        except OSError as error:
            failure = sqlite3.OperationalError(f"the log cannot be synced: {error}")
            failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise failure from error

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
        handle, self._handle = self._handle, None
        self._is_synced = True
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)
