"""Snapshots while Studio works, and backups of the whole of it on command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.errors import NotFound, StudioError
from studio.store import archive, snapshot_files, snapshots
from studio.store.archive import Archived
from studio.store.db import Database

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
_TICK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """One snapshot that is kept."""

    name: str
    taken_at: int
    reason: str
    size_bytes: int


class BackupService:
    """Takes snapshots of the open database and writes whole backups.

    Args:
        db: the open database.
        studio_dir: the folder of all state.
        backups_dir: where snapshots are kept.
    """

    def __init__(self, *, db: Database, studio_dir: Path, backups_dir: Path, clock: Clock) -> None:
        self._db = db
        self._studio_dir = studio_dir
        self._backups_dir = backups_dir
        self._clock = clock
        self._commits = db.commits
        self._last_s = clock.monotonic_s()
        self._lock = asyncio.Lock()
        self.trouble: str | None = None
        """Why the last snapshot that was due could not be taken, or older ones not removed."""

    @property
    def has_changes(self) -> bool:
        """Whether something was stored since the last snapshot."""
        return self._db.commits != self._commits

    async def run(self) -> None:
        """Take a snapshot an hour while there is something new; the body of a task."""
        while True:
            await asyncio.sleep(_TICK_S)
            await self.tick()

    async def tick(self) -> Path | None:
        """Take the hourly snapshot when it is due; a failure waits for the next hour."""
        if not self.has_changes or self._clock.monotonic_s() - self._last_s < EVERY_S:
            return None
        try:
            return await self.snapshot("hourly")
        except StudioError as error:
            self.trouble = error.message
            log.error("the hourly snapshot failed: %s", error.message)
        except Exception:
            # The next hour is another chance.
            self.trouble = "The snapshot failed; Studio's log says why."
            log.exception("the hourly snapshot failed")
        return None

    async def finish(self) -> None:
        """Take the snapshot of a clean stop, unless nothing changed; call before the close."""
        if not self.has_changes or self._db.fault is not None:
            return
        try:
            await self.snapshot("shutdown")
        except StudioError as error:
            log.error("the snapshot at shutdown failed: %s", error.message)

    async def snapshot(self, reason: str) -> Path:
        """Take a verified snapshot now, and rotate.

        Raises:
            DiskFull, StorageUnavailable: none was taken.
        """
        async with self._lock:
            self._last_s = self._clock.monotonic_s()
            path, commits = await self._db.run_alone(
                lambda connection: (
                    snapshots.take(connection, self._backups_dir, reason, self._clock),
                    self._db.commits,
                )
            )
            self._commits = commits
            removed = await asyncio.to_thread(snapshot_files.rotate, self._backups_dir)
            self.trouble = None if removed else "Older snapshots cannot be removed; see the log."
            return path

    async def list(self) -> Sequence[SnapshotInfo]:
        """What is kept, newest first."""
        return await asyncio.to_thread(self._list)

    def _list(self) -> Sequence[SnapshotInfo]:
        found = []
        for path in snapshot_files.snapshots(self._backups_dir):
            # One that is rotated away meanwhile is not kept.
            with contextlib.suppress(FileNotFoundError):
                at_ms, reason = snapshot_files.facts(path)
                found.append(SnapshotInfo(path.name, at_ms, reason, path.stat().st_size))
        return found

    async def describe(self, path: Path) -> SnapshotInfo:
        """A snapshot that was just taken."""
        at_ms, reason = snapshot_files.facts(path)
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        return SnapshotInfo(path.name, at_ms, reason, size_bytes)

    async def find(self, name: str) -> Path:
        """The file of a snapshot.

        Raises:
            NotFound: none of that name is kept.
        """
        kept = await asyncio.to_thread(snapshot_files.snapshots, self._backups_dir)
        for path in kept:
            if path.name == name:
                return path
        raise NotFound("There is no such snapshot; it may have been replaced by a newer one.")

    async def backup(self, to: Path) -> Archived:
        """Write database, blobs and overlay folders to the tar ``to``; Studio keeps working.

        Raises:
            InvalidRequest: ``to`` is no place for a backup.
            DiskFull, StorageUnavailable: nothing was written.
        """
        database = await self.snapshot("backup")
        return await asyncio.to_thread(
            archive.write,
            to,
            studio_dir=self._studio_dir,
            database=database,
            clock=self._clock,
        )
