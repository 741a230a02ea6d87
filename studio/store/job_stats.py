"""What finished jobs tell: how long graphs take, who used how much; and their purge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from studio.settings import DAY_MS
from studio.store.db import Database
from studio.store.picture_rules import Spare

SIZES: Final = "sizes"
"""What a job's extra facts call the largest steps, width and the like that its graph names."""

REPEAT: Final = "repeat"
"""In a job's extra facts: its engine had kept what it was to make, so how long it took tells
nothing of its like."""


class Ran(NamedTuple):
    """One successful run, and what it is like."""

    graph_key: str
    duration_ms: int
    affinity_key: str = ""
    classes: Iterable[str] = ()
    sizes: Mapping[str, int] = MappingProxyType({})


class JobStatsStore:
    """Reads over finished jobs, and their end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def recent_durations(self, limit: int = 5000) -> list[Ran]:
        """The latest successful runs that were no repeats, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Ran]:
            rows = connection.execute(
                "SELECT graph_key, duration_ms, affinity_key, classes, "
                f"json_extract(extra, '$.{SIZES}') AS sizes FROM jobs WHERE status = 'succeeded' "
                f"AND duration_ms IS NOT NULL AND json_extract(extra, '$.{REPEAT}') IS NULL "
                "ORDER BY seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
            return [
                Ran(
                    row["graph_key"],
                    row["duration_ms"],
                    row["affinity_key"],
                    orjson.loads(row["classes"]),
                    orjson.loads(row["sizes"] or "{}"),
                )
                for row in reversed(rows)
            ]

        return await self._db.read(work)

    async def store_usage(self, changed: Mapping[str, tuple[float, int]]) -> None:
        """Remember (GPU seconds, as of ms) by user id."""
        await self._db.write(
            lambda connection: connection.executemany(
                "UPDATE users SET gpu_seconds = ?, gpu_seconds_at = ? WHERE id = ?",
                [(*entry, user_id) for user_id, entry in changed.items()],
            ),
            durable=False,
        )

    async def usage(self) -> list[tuple[str, float, int]]:
        """(user id, GPU seconds, as of ms) of every user."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, float, int]]:
            rows = connection.execute("SELECT id, gpu_seconds, gpu_seconds_at FROM users")
            return [(row["id"], row["gpu_seconds"], row["gpu_seconds_at"]) for row in rows]

        return await self._db.read(work)

    async def purge(self, now_ms: int, limit: int, spare: Spare) -> tuple[int, list[str]]:
        """Delete finished jobs past their retention, with their outputs' rows.

        Args:
            spare: a job stays as long as one of its outputs is spared, unless by the trash.

        Returns:
            How many were deleted, and hashes of blobs that may have lost their last asset.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, list[str]]:
            rows = connection.execute(
                "SELECT seq, id, prompt_text FROM jobs WHERE completed_at IS NOT NULL "
                "AND expires_at <= ? AND NOT EXISTS ("
                " SELECT 1 FROM assets JOIN job_inputs ON job_inputs.asset_id = assets.id"
                " JOIN jobs AS reader ON reader.id = job_inputs.job_id"
                " WHERE assets.job_id = jobs.id AND reader.completed_at IS NULL)"
                " AND NOT EXISTS (SELECT 1 FROM pictures WHERE pictures.job_seq = jobs.seq"
                f" AND pictures.trashed_at IS NULL AND {spare.condition}) LIMIT ?",
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
            return len(rows), hashes

        return await self._db.write(work)
