"""A job's row out of nothing, for the tests of what holds jobs in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from studio.models import Job, JobStatus

_WAITING = Job(
    id="job",
    user_id="ann",
    status=JobStatus.QUEUED,
    created_at=0,
    rank=1.0,
    priority=0,
    graph_key="",
    affinity_key="",
    classes=frozenset(),
    models=(),
    paid=False,
)


def a_job(**fields: Any) -> Job:
    """A waiting job of ann's whose graph loads nothing, but for ``fields``."""
    return replace(_WAITING, **fields)
