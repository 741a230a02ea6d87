"""A job as it lies in its row."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from typing import Any, Final

import orjson

from studio.models import Job, JobError, JobStatus

COLUMNS: Final = (
    "id, user_id, status, created_at, started_at, completed_at, deadline_at, priority, rank, "
    "graph_key, affinity_key, classes, models, paid, engine, engine_boot, prompt_id, attempt, "
    "deaths, executing, cancel_requested_at, error, title, workflow_id, origin, metadata, extra, "
    "retry_of"
)


def values_of(job: Job) -> tuple[Any, ...]:
    """What its columns hold, in their order."""
    return (
        job.id,
        job.user_id,
        job.status.value,
        job.created_at,
        job.started_at,
        job.completed_at,
        job.deadline_at,
        job.priority,
        job.rank,
        job.graph_key,
        job.affinity_key,
        orjson.dumps(sorted(job.classes)).decode(),
        orjson.dumps(job.models).decode(),
        int(job.paid),
        job.engine,
        job.engine_boot,
        job.prompt_id,
        job.attempt,
        job.deaths,
        int(job.executing),
        job.cancel_requested_at,
        error_text(job.error),
        job.title,
        job.workflow_id,
        job.origin,
        orjson.dumps(job.metadata).decode(),
        orjson.dumps(job.extra).decode(),
        job.retry_of,
    )


def error_text(error: JobError | None) -> str | None:
    """Why it failed, as its column holds it."""
    return None if error is None else orjson.dumps(asdict(error)).decode()


def job_from(row: sqlite3.Row) -> Job:
    """The record of a row that has every column of ``Job``."""
    return Job(
        id=row["id"],
        user_id=row["user_id"],
        status=JobStatus(row["status"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        deadline_at=row["deadline_at"],
        priority=row["priority"],
        rank=row["rank"],
        graph_key=row["graph_key"],
        affinity_key=row["affinity_key"],
        classes=frozenset(orjson.loads(row["classes"])),
        models=tuple(tuple(model) for model in orjson.loads(row["models"])),
        paid=bool(row["paid"]),
        engine=row["engine"],
        engine_boot=row["engine_boot"],
        prompt_id=row["prompt_id"],
        attempt=row["attempt"],
        deaths=row["deaths"],
        executing=bool(row["executing"]),
        cancel_requested_at=row["cancel_requested_at"],
        error=JobError(**orjson.loads(row["error"])) if row["error"] else None,
        title=row["title"],
        workflow_id=row["workflow_id"],
        origin=row["origin"],
        metadata=orjson.loads(row["metadata"]),
        extra=orjson.loads(row["extra"]),
        retry_of=row["retry_of"],
    )
