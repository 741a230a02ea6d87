"""How Studio opens SQLite files, lets go of them, and reads the errors of their storage."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from studio.errors import DiskFull, StorageUnavailable, StudioError
from studio.paths import reserve_space

SQLITE_VERSION: Final = sqlite3.sqlite_version
LOG_BYTES: Final = 8 << 20
"""A longer write-ahead log is folded into its file."""
_ROOM_BYTES: Final = 65536


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open ``path`` the one way Studio opens databases.

    EXCLUSIVE comes first: only then does WAL do without shared memory.

    Raises:
        sqlite3.Error: locked by another process, not a database, unreadable, or absent while
            ``create`` is false.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=2.0
    )
    try:
        connection.row_factory = sqlite3.Row
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            f"journal_size_limit={LOG_BYTES}",
            # The database folds the log on its own thread; this is for what grows it at once.
            "wal_autocheckpoint=8192",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def abandon(connection: sqlite3.Connection, path: Path) -> None:
    """Give up a connection without the writes that closing it would make.

    SQLite folds the log into the file and deletes it on close. On a volume whose locks lie that is
    the new holder's log. So the object is kept alive to the end of the process, and its lock goes
    the POSIX way: closing any descriptor of a file drops the process's locks on it.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def is_disk_full(error: OSError) -> bool:
    """Whether an operating system error means "no space": quotas included, as volumes have them."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


_FAULT_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_fault(error: sqlite3.Error) -> bool:
    """Whether the error is the storage's, not the statement's."""
    return _primary_code(error) in _FAULT_CODES


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite itself saw that no space was left."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def translate(error: sqlite3.Error, folder: Path) -> StudioError:
    """The refusal that an error of a database in ``folder`` means for a caller."""
    code = _primary_code(error)
    if is_full(error) or (code == sqlite3.SQLITE_IOERR and not _has_room(folder)):
        return DiskFull("The disk is full: nothing was stored. Free some space and try again.")
    if code == sqlite3.SQLITE_BUSY:
        return StorageUnavailable("The database is locked by another process.")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StorageUnavailable("The database file is gone or cannot be opened.")
    return StorageUnavailable("The database cannot be written at the moment.")


def _has_room(folder: Path) -> bool:
    """Whether a few more bytes fit: SQLite reports a quota as a plain I/O error."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            reserve_space(file.fileno(), _ROOM_BYTES)
    except DiskFull:
        return False
    except OSError as error:
        return not is_disk_full(error)
    return True
