"""Pages of jobs: newest first, filtered, searched, by cursor."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.models import Job, JobStatus
from studio.store.db import Database
from studio.store.job_rows import COLUMNS, job_from


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a page should hold; ``None`` and empty mean everything.

    ``user_id`` ``None`` sees all users. ``text`` is searched in the prompt texts. Times are
    milliseconds since the epoch; ``before`` is the cursor of the page before.
    """

    user_id: str | None
    statuses: tuple[JobStatus, ...] = ()
    text: str = ""
    model: str = ""
    title: str = ""
    workflow_id: str = ""
    created_from: int | None = None
    created_to: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    before: int | None = None
    limit: int = 50


class JobListStore:
    """Reads pages of jobs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, wanted: JobFilter) -> tuple[list[Job], int | None]:
        """One page and the cursor of the next, ``None`` on the last."""
        query, values = _query(wanted)

        def work(connection: sqlite3.Connection) -> tuple[list[Job], int | None]:
            rows = connection.execute(query, values).fetchall()
            page = rows[: wanted.limit]
            more = len(rows) > wanted.limit
            return [job_from(row) for row in page], page[-1]["seq"] if more else None

        return await self._db.read(work)


def _query(wanted: JobFilter) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def where(condition: str, *parameters: Any) -> None:
        conditions.append(condition)
        values.extend(parameters)

    source, order = "jobs", "jobs.seq"
    if terms := _match(wanted.text):
        # Ordered by the index's own rows: otherwise every hit is read before the first is shown.
        source, order = "jobs_fts JOIN jobs ON jobs.seq = jobs_fts.rowid", "jobs_fts.rowid"
        where("jobs_fts MATCH ?", terms)
    if wanted.user_id is not None:
        where("jobs.user_id = ?", wanted.user_id)
    if wanted.before is not None:
        where(f"{order} < ?", wanted.before)
    if wanted.statuses:
        marks = ", ".join("?" * len(wanted.statuses))
        where(f"jobs.status IN ({marks})", *(status.value for status in wanted.statuses))
    if wanted.title:
        where("jobs.title = ?", wanted.title)
    if wanted.workflow_id:
        where("jobs.workflow_id = ?", wanted.workflow_id)
    if wanted.created_from is not None:
        where("jobs.created_at >= ?", wanted.created_from)
    if wanted.created_to is not None:
        where("jobs.created_at < ?", wanted.created_to)
    if wanted.model:
        where(
            "EXISTS (SELECT 1 FROM job_models WHERE model = ? AND job_seq = jobs.seq)", wanted.model
        )
    for key, value in wanted.metadata.items():
        where(
            "EXISTS (SELECT 1 FROM json_each(jobs.metadata) AS label "
            "WHERE label.key = ? AND label.value = ?)",
            key,
            value,
        )
    clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(f"jobs.{name.strip()}" for name in COLUMNS.split(","))
    query = f"SELECT jobs.seq, {columns} FROM {source}{clause} ORDER BY {order} DESC LIMIT ?"
    return query, [*values, wanted.limit + 1]


def _match(text: str) -> str:
    """Words as an FTS5 query: all of them, the last one by its beginning, nothing of syntax."""
    words = re.findall(r"\w+", text)[:32]
    return " ".join(f'"{word}"' for word in words) + ("*" if words else "")
