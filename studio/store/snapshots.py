"""Snapshots of the database, and the check at boot that falls back to one.

A snapshot is a compact, verified copy named ``studio-<UTC time>-<reason>.db``. At boot, before the
database opens, a damaged file is moved aside (never deleted) and the newest good snapshot takes its
place. Only damage leads there: a lock, a missing permission or an I/O error is an outage, and the
file stays where it is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.errors import DiskFull, StorageUnavailable
from studio.paths import fsync_folder
from studio.store.connection import connect, is_disk_full, translate
from studio.store.migrations import MIGRATIONS, Migration, migrate
from studio.store.prefs import FORGETFUL
from studio.store.snapshot_files import STAMP, next_name, snapshots, taken_at

log = logging.getLogger(__name__)

SETTLE_S: Final = 2.0
_PARTIAL: Final = ".partial"
_SIDES: Final = ("-wal", "-shm", "-journal")
_FILES: Final = ("assets", "gallery/pictures")
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the check at boot did; ``message`` is for the owner, ``None`` when all was well."""

    restored_from: Path | None = None
    moved_aside: Path | None = None
    message: str | None = None


def take(connection: sqlite3.Connection, folder: Path, reason: str, clock: Clock) -> Path:
    """Write a verified snapshot into ``folder`` and return its path.

    Blocks for as long as copying takes, so call it where the connection lives.

    Args:
        connection: the open database, outside a transaction.
        reason: lower-case letters, digits and dashes, part of the name.

    Raises:
        DiskFull, StorageUnavailable: no snapshot was made; earlier ones are untouched.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        path = folder / next_name(folder, reason, clock.now_ms())
    except OSError as error:
        raise _refusal(error) from error
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        connection.execute("VACUUM INTO ?", (str(partial),))
        if not verify(partial):
            raise StorageUnavailable("The snapshot that was just written cannot be read back.")
        _fsync(partial)
        partial.replace(path)
        fsync_folder(folder)
    except sqlite3.Error as error:
        raise translate(error, folder) from error
    except OSError as error:
        raise _refusal(error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return path


def verify(path: Path) -> bool:
    """Whether ``path`` is an intact database with Studio's schema. It is only read.

    It must not be in use: a log beside it is ignored.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            return _is_sound(connection, empty_is_sound=False)
    except sqlite3.Error:
        return False


def preparation(
    folder: Path,
    clock: Clock,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    recovery: Recovery | None = None,
) -> Callable[[sqlite3.Connection], None]:
    """What ``Database.open`` runs: the migrations, after a snapshot when they change a database.

    Args:
        recovery: what came before; a database that took the place of another is marked so for good.
    """

    def prepare(connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if 0 < version < len(migrations):
            take(connection, folder, f"schema-{version}", clock)
        migrate(connection, migrations)
        if recovery is not None and recovery.message is not None:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (FORGETFUL,))

    return prepare


def fence(db_path: Path) -> bool:
    """Move the database to new files, so that a former holder who wakes up writes into the old.

    Call it before the database opens when the lease was taken from a holder that may still live:
    one that was stopped in the middle of a commit finishes that commit whatever the lease says.
    Blocks for 2 s first, in which a live one ends its last commit and notices.

    Returns:
        Whether it was done; a damaged database is left to ``open_or_restore``, and on a volume
        without room for a copy Studio goes on as it is.
    """
    time.sleep(SETTLE_S)
    copy = db_path.with_name(f".{db_path.name}.fenced")
    try:
        for side in ("", *_SIDES):
            copy.with_name(copy.name + side).unlink(missing_ok=True)
        for side in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(
                    db_path.with_name(db_path.name + side), copy.with_name(copy.name + side)
                )
        with contextlib.closing(connect(copy, create=False)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy.chmod(0o600)
        _fsync(copy)
        copy.replace(db_path)
        for side in _SIDES:
            db_path.with_name(db_path.name + side).unlink(missing_ok=True)
        fsync_folder(db_path.parent)
    except (OSError, sqlite3.Error) as error:
        log.warning("the database was not moved away from its former holder: %s", error)
        for side in ("", *_SIDES):
            with contextlib.suppress(OSError):
                copy.with_name(copy.name + side).unlink()
        return False
    return True


def open_or_restore(db_path: Path, folder: Path, clock: Clock) -> Recovery:
    """Check the database before it is opened; replace it by a snapshot when it is damaged.

    A file that is absent or empty counts as lost when snapshots or stored files exist, and as a new
    installation when there are none.

    Args:
        db_path: ``STUDIO_DIR/db/studio.db``; its folder must exist.
        folder: where the snapshots are.

    Raises:
        DiskFull, StorageUnavailable: it is locked or cannot be read at the moment; nothing changed.
    """
    try:
        if not _is_lost(db_path, folder):
            return _beside_files(db_path)
        source, staged = _stage_newest_good(db_path, folder)
        aside = _move_aside(db_path, clock)
        if staged is not None:
            staged.replace(db_path)
        fsync_folder(db_path.parent)
    except OSError as error:
        raise _refusal(error) from error
    recovery = Recovery(source, aside, _message(source, aside))
    log.error("%s", recovery.message)
    return recovery


def _is_lost(db_path: Path, folder: Path) -> bool:
    size_bytes = db_path.stat().st_size if db_path.exists() else 0
    if size_bytes == 0:
        log_path = db_path.with_name(db_path.name + "-wal")
        return bool(snapshots(folder)) or (log_path.exists() and log_path.stat().st_size > 0)
    try:
        with contextlib.closing(connect(db_path, create=False)) as connection:
            return not _is_sound(connection, empty_is_sound=not snapshots(folder))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return True
        raise translate(error, db_path.parent) from error


def _beside_files(db_path: Path) -> Recovery:
    """Nothing was to be restored; a new database beside files of an earlier one is told."""
    files = (file for name in _FILES for file in (db_path.parent.parent / name).glob("??/*"))
    if not _is_new(db_path) or next(files, None) is None:
        return Recovery()
    recovery = Recovery(message=f"{_message(None, None)} The stored files are all kept.")
    log.error("%s", recovery.message)
    return recovery


def _is_new(db_path: Path) -> bool:
    if not db_path.exists() or db_path.stat().st_size == 0:
        return True
    try:
        with contextlib.closing(connect(db_path, create=False)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0]) == 0
    except sqlite3.Error as error:
        raise translate(error, db_path.parent) from error


def _is_sound(connection: sqlite3.Connection, *, empty_is_sound: bool) -> bool:
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        return False
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) == 0:
        # Killed before the first migration: nothing was ever stored.
        return empty_is_sound
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    return {"meta", "users"} <= tables


def _stage_newest_good(db_path: Path, folder: Path) -> tuple[Path | None, Path | None]:
    for source in snapshots(folder):
        if not verify(source):
            continue
        staged = db_path.with_name(f".{db_path.name}{_PARTIAL}")
        try:
            shutil.copyfile(source, staged)
            staged.chmod(0o600)
            _fsync(staged)
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        if verify(staged):
            return source, staged
        staged.unlink()
    return None, None


def _move_aside(db_path: Path, clock: Clock) -> Path | None:
    """The file first: a kill after it leaves a log without a file, which counts as lost."""
    stamp = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).strftime(STAMP)
    aside = db_path.with_name(f"{db_path.name}.damaged-{stamp}Z")
    count = 1
    while any(aside.with_name(aside.name + side).exists() for side in ("", *_SIDES)):
        count += 1
        aside = db_path.with_name(f"{db_path.name}.damaged-{stamp}Z-{count}")
    moved = False
    for side in ("", *_SIDES):
        with contextlib.suppress(FileNotFoundError):
            db_path.with_name(db_path.name + side).rename(aside.with_name(aside.name + side))
            moved = True
    return aside if moved else None


def _message(source: Path | None, aside: Path | None) -> str:
    found = "was missing" if aside is None else f"was damaged and is kept as {aside.name}"
    if source is None:
        return f"The database {found}. No snapshot could be read, so Studio starts with a new one."
    return (
        f"The database {found}. The snapshot of {taken_at(source)} took its place: what was "
        "stored after it is lost."
    )


def _sweep(folder: Path) -> None:
    """Remove what a kill in the middle of a snapshot left."""
    for path in folder.glob(f".*{_PARTIAL}*"):
        with contextlib.suppress(OSError):
            path.unlink()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refusal(error: OSError) -> DiskFull | StorageUnavailable:
    if is_disk_full(error):
        return DiskFull("The disk is full: no copy of the database was made.")
    return StorageUnavailable("The database's folder cannot be used at the moment.")
