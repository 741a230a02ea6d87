"""What finished jobs tell: how long graphs take, who used how much; and their purge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from studio.settings import DAY_MS
from studio.store.db import Database


class JobStatsStore:
    """Reads over finished jobs, and their end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def durations(self, graph_keys: Iterable[str]) -> Mapping[str, list[int]]:
        """Milliseconds of the last 20 successful runs of each key."""
        keys = list(dict.fromkeys(graph_keys))

        def work(connection: sqlite3.Connection) -> dict[str, list[int]]:
            found = {}
            for key in keys:
                rows = connection.execute(
                    "SELECT duration_ms FROM jobs WHERE graph_key = ? AND status = 'succeeded' "
                    "AND duration_ms IS NOT NULL ORDER BY completed_at DESC LIMIT 20",
                    (key,),
                )
                found[key] = [row["duration_ms"] for row in rows]
            return found

        return await self._db.read(work)

    async def usage(self) -> list[tuple[str, float, int]]:
        """(user id, GPU seconds, as of ms) of every user."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, float, int]]:
            rows = connection.execute("SELECT id, gpu_seconds, gpu_seconds_at FROM users")
            return [(row["id"], row["gpu_seconds"], row["gpu_seconds_at"]) for row in rows]

        return await self._db.read(work)

    async def purge(self, now_ms: int, limit: int = 200) -> list[str]:
        """Delete finished jobs past their retention, with their outputs' rows.

        Returns:
            Hashes of blobs that may have lost their last asset.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                "SELECT seq, id, prompt_text FROM jobs WHERE completed_at IS NOT NULL "
                "AND expires_at <= ? AND NOT EXISTS ("
                " SELECT 1 FROM assets JOIN job_inputs ON job_inputs.asset_id = assets.id"
                " JOIN jobs AS reader ON reader.id = job_inputs.job_id"
                " WHERE assets.job_id = jobs.id AND reader.completed_at IS NULL) LIMIT ?",
                (now_ms, limit),
            ).fetchall()
            hashes = []
            for row in rows:
                found = connection.execute(
                    "SELECT DISTINCT hash FROM assets WHERE job_id = ?", (row["id"],)
                )
                hashes += [asset["hash"] for asset in found]
                if row["prompt_text"]:
                    connection.execute(
                        "INSERT INTO jobs_fts (jobs_fts, rowid, prompt_text) "
                        "VALUES ('delete', ?, ?)",
                        (row["seq"], row["prompt_text"]),
                    )
                connection.execute(
                    "DELETE FROM job_inputs WHERE asset_id IN "
                    "(SELECT id FROM assets WHERE job_id = ?)",
                    (row["id"],),
                )
                connection.execute("DELETE FROM jobs WHERE seq = ?", (row["seq"],))
            connection.execute(
                "DELETE FROM idempotency_keys WHERE created_at < ?", (now_ms - DAY_MS,)
            )
            return hashes

        return await self._db.write(work)
