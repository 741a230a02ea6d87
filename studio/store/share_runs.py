"""What visitors of a link started and sent: counted in rows, so that a restart forgets nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from studio.models import NewJob
from studio.store.batches import Beside
from studio.store.db import Database

HOUR_MS: Final = 3_600_000
_KEPT_MS: Final = 30 * 24 * HOUR_MS
_MOST_LISTED: Final = 20
_STARTING_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class ShareRun:
    """One run by a visitor. ``visit`` and ``address`` are digests; times are milliseconds."""

    id: str
    share_id: str
    visit: str
    address: str
    created_at: int
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Full:
    """Why there is no room for one more, and when there will be; ``None``: never.

    ``same``: this very run is being started already.
    """

    which: Literal["link", "address", "total", "same"]
    free_at: int | None


class ShareRunStore:
    """Runs and files of visitors."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def reserve(self, run: ShareRun) -> Full | None:
        """Count a run before it is made, if the link's limits leave room for it."""

        def work(connection: sqlite3.Connection) -> Full | None:
            connection.execute(
                "DELETE FROM share_runs WHERE created_at < ?", (run.created_at - _KEPT_MS,)
            )
            if connection.execute("SELECT 1 FROM share_runs WHERE id = ?", (run.id,)).fetchone():
                return Full("same", run.created_at + _STARTING_MS)
            since = run.created_at - HOUR_MS
            per_hour, total, used = connection.execute(
                "SELECT runs_per_hour, runs_total, runs FROM shares WHERE id = ?", (run.share_id,)
            ).fetchone()
            if total is not None and used >= total:
                return Full("total", None)
            if free_at := _full(connection, "share_id", run.share_id, since, per_hour):
                return Full("link", free_at)
            # Whoever has several links gets no more than the one that they use allows.
            if free_at := _full(connection, "address", run.address, since, per_hour):
                return Full("address", free_at)
            connection.execute(
                "INSERT INTO share_runs (id, share_id, visit, address, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (run.id, run.share_id, run.visit, run.address, run.created_at),
            )
            connection.execute(
                "UPDATE shares SET runs = runs + 1, last_used_at = ? WHERE id = ?",
                (run.created_at, run.share_id),
            )
            return None

        return await self._db.write(work)

    def beside(self, run_id: str) -> Beside:
        """What the commit that accepts the run's job stores too: which job it became."""

        def work(connection: sqlite3.Connection, new: Sequence[NewJob]) -> None:
            connection.execute(
                "UPDATE share_runs SET job_id = ? WHERE id = ?", (new[0].job.id, run_id)
            )

        return work

    async def forget(self, run_id: str) -> None:
        """A run that became no job does not count; one that did stays."""
        await self._db.write(lambda connection: _forget(connection, run_id))

    async def forget_unfinished(self) -> None:
        """Runs and files that a sudden end left half made count for nobody."""

        def work(connection: sqlite3.Connection) -> None:
            for row in connection.execute(
                "SELECT id FROM share_runs WHERE job_id IS NULL"
            ).fetchall():
                _forget(connection, row["id"])
            connection.execute("DELETE FROM share_files WHERE asset_id IS NULL")

        await self._db.write(work)

    async def of_visit(
        self, share_id: str, visit: str, *, only: str | None = None
    ) -> Sequence[ShareRun]:
        """The visitor's own runs that became jobs, the newest first."""

        def work(connection: sqlite3.Connection) -> list[ShareRun]:
            rows = connection.execute(
                "SELECT * FROM share_runs WHERE share_id = ?1 AND visit = ?2"
                " AND job_id IS NOT NULL AND (?3 IS NULL OR id = ?3)"
                " ORDER BY created_at DESC, id DESC LIMIT ?4",
                (share_id, visit, only, _MOST_LISTED),
            )
            return [ShareRun(**dict(row)) for row in rows]

        return await self._db.read(work)

    async def reserve_file(
        self, file_id: str, share_id: str, visit: str, now_ms: int, most: int
    ) -> int | None:
        """Count a file before it is read; when there will be room where ``most`` came lately."""

        def work(connection: sqlite3.Connection) -> int | None:
            since = now_ms - HOUR_MS
            rows = connection.execute(
                "SELECT created_at FROM share_files WHERE share_id = ? AND created_at > ?"
                " ORDER BY created_at",
                (share_id, since),
            ).fetchall()
            if len(rows) >= most:
                return int(rows[len(rows) - most][0]) + HOUR_MS
            connection.execute("DELETE FROM share_files WHERE created_at < ?", (now_ms - _KEPT_MS,))
            connection.execute(
                "INSERT INTO share_files (id, share_id, visit, created_at) VALUES (?, ?, ?, ?)",
                (file_id, share_id, visit, now_ms),
            )
            return None

        return await self._db.write(work)

    async def file_stored(self, file_id: str, asset_id: str) -> None:
        """The file became this asset."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE share_files SET asset_id = ? WHERE id = ?", (asset_id, file_id)
            )
        )

    async def forget_file(self, file_id: str) -> None:
        """A file that did not come: it does not count."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM share_files WHERE id = ? AND asset_id IS NULL", (file_id,)
            )
        )

    async def files_of(self, share_id: str, visit: str) -> dict[str, str]:
        """Assets by file, of this visit alone."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            rows = connection.execute(
                "SELECT id, asset_id FROM share_files"
                " WHERE share_id = ? AND visit = ? AND asset_id IS NOT NULL",
                (share_id, visit),
            )
            return {row["id"]: row["asset_id"] for row in rows}

        return await self._db.read(work)


def _forget(connection: sqlite3.Connection, run_id: str) -> None:
    connection.execute(
        "UPDATE shares SET runs = max(0, runs - 1)"
        " WHERE id = (SELECT share_id FROM share_runs WHERE id = ? AND job_id IS NULL)",
        (run_id,),
    )
    connection.execute("DELETE FROM share_runs WHERE id = ? AND job_id IS NULL", (run_id,))


def _full(
    connection: sqlite3.Connection, column: str, value: str, since: int, most: int
) -> int | None:
    """When there is room again; ``None`` when there is now."""
    rows = connection.execute(
        f"SELECT created_at FROM share_runs WHERE {column} = ? AND created_at > ?"
        " ORDER BY created_at",
        (value, since),
    ).fetchall()
    return int(rows[len(rows) - most][0]) + HOUR_MS if len(rows) >= most else None
