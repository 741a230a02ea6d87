"""Batches: which jobs were accepted together, and along which axes they vary.

A batch has no state of its own. What became of its cells is what became of their jobs.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.errors import NotFound
from studio.models import JobStatus, NewJob
from studio.settings import DAY_MS
from studio.store.db import Database
from studio.store.jobs import insert_jobs
from studio.store.presets import count_run

Beside = Callable[[sqlite3.Connection, Sequence[NewJob]], None]
"""What else the commit that accepts jobs stores; whatever it raises refuses them."""
_LEAST_AGE_MS: Final = DAY_MS
# A retry has its job's place in the batch, and takes it, unless somebody else retried it.
_NEWEST: Final = (
    "SELECT cell, job_id, status, max(jobs.seq) FROM job_recipes JOIN jobs ON jobs.id = job_id "
    "WHERE batch_id = ? AND jobs.user_id = ? GROUP BY cell"
)


@dataclass(frozen=True, slots=True)
class BatchAxis:
    """What one axis is called, what it varies, and the labels along it."""

    name: str
    inputs: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that were accepted together. ``created_at`` is milliseconds since the epoch."""

    id: str
    user_id: str
    title: str
    workflow_id: str
    workflow_version: int
    preset_id: str | None
    axes: tuple[BatchAxis, ...]
    created_at: int

    @property
    def size(self) -> int:
        """How many cells it has."""
        return math.prod(len(axis.labels) for axis in self.axes)


class BatchStore:
    """Batches and the jobs in them; ``user_id`` sees their own, ``None`` everybody's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def accept(
        self,
        new: Sequence[NewJob],
        *,
        batch: Batch | None,
        preset_id: str | None,
        idempotency_key: str | None,
        beside: Beside | None = None,
    ) -> None:
        """Store the jobs, their batch and the preset's count in one commit, or nothing.

        Raises:
            IdempotencyKeyReuse, MissingAsset: see ``JobStore.insert``.
        """

        def work(connection: sqlite3.Connection) -> None:
            insert_jobs(connection, new, idempotency_key)
            if preset_id is not None:
                count_run(connection, preset_id)
            if batch is not None:
                _forget_empty(connection, batch)
                _insert(connection, batch)
            if beside is not None:
                beside(connection, new)

        await self._db.write(work)

    async def page(
        self, user_id: str | None, *, start: int, limit: int
    ) -> tuple[list[tuple[Batch, dict[str, int]]], int]:
        """Batches with how many of their jobs have which status, newest first, and the total."""

        def work(
            connection: sqlite3.Connection,
        ) -> tuple[list[tuple[Batch, dict[str, int]]], int]:
            where = "WHERE (? IS NULL OR user_id = ?)"
            rows = connection.execute(
                f"SELECT * FROM batches {where} ORDER BY created_at DESC, id LIMIT ? OFFSET ?",
                (user_id, user_id, limit, start),
            ).fetchall()
            total = connection.execute(
                f"SELECT COUNT(*) FROM batches {where}", (user_id, user_id)
            ).fetchone()[0]
            return [(_batch(row), _counts(connection, row)) for row in rows], total

        return await self._db.read(work)

    async def get(
        self, batch_id: str, user_id: str | None
    ) -> tuple[Batch, dict[int, tuple[str, JobStatus]]]:
        """A batch, and by cell the newest job that is still known with its stored status.

        Raises:
            NotFound: unknown, or another user's.
        """

        def work(
            connection: sqlite3.Connection,
        ) -> tuple[Batch, dict[int, tuple[str, JobStatus]]]:
            row = connection.execute(
                "SELECT * FROM batches WHERE id = ? AND (? IS NULL OR user_id = ?)",
                (batch_id, user_id, user_id),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such batch.")
            jobs = connection.execute(_NEWEST, (batch_id, row["user_id"]))
            return _batch(row), {
                job["cell"]: (job["job_id"], JobStatus(job["status"])) for job in jobs
            }

        return await self._db.read(work)


def _forget_empty(connection: sqlite3.Connection, newest: Batch) -> None:
    """Batches whose jobs have all been purged go when their user makes another one."""
    connection.execute(
        "DELETE FROM batches WHERE user_id = ? AND created_at < ? AND NOT EXISTS "
        "(SELECT 1 FROM job_recipes WHERE batch_id = batches.id)",
        (newest.user_id, newest.created_at - _LEAST_AGE_MS),
    )


def _insert(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.execute(
        "INSERT INTO batches (id, user_id, title, workflow_id, workflow_version, preset_id, axes, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            batch.id,
            batch.user_id,
            batch.title,
            batch.workflow_id,
            batch.workflow_version,
            batch.preset_id,
            orjson.dumps(batch.axes).decode(),
            batch.created_at,
        ),
    )


def _counts(connection: sqlite3.Connection, batch: sqlite3.Row) -> dict[str, int]:
    rows = connection.execute(
        f"SELECT status, COUNT(*) AS many FROM ({_NEWEST}) GROUP BY status",
        (batch["id"], batch["user_id"]),
    )
    return {row["status"]: row["many"] for row in rows}


def _batch(row: sqlite3.Row) -> Batch:
    axes: list[dict[str, Any]] = orjson.loads(row["axes"])
    return Batch(
        id=row["id"],
        user_id=row["user_id"],
        title=row["title"],
        workflow_id=row["workflow_id"],
        workflow_version=row["workflow_version"],
        preset_id=row["preset_id"],
        axes=tuple(
            BatchAxis(axis["name"], tuple(axis["inputs"]), tuple(axis["labels"])) for axis in axes
        ),
        created_at=row["created_at"],
    )
