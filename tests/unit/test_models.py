"""The records that every layer passes on."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from studio.models import Job, JobStatus

JOB = Job(
    id="a",
    user_id="somebody",
    status=JobStatus.QUEUED,
    created_at=1,
    rank=1.0,
    priority=0,
    graph_key="k",
    affinity_key="",
    classes=frozenset(),
    models=(),
    paid=False,
    metadata={"of": "the caller"},
)


def test_a_changed_job_is_what_replacing_its_fields_makes() -> None:
    changes: dict[str, Any] = {"status": JobStatus.RUNNING, "started_at": 5, "executing": True}
    changed = JOB.changed(**changes)
    assert changed == replace(JOB, **changes)
    assert (JOB.status, JOB.started_at) == (JobStatus.QUEUED, None)
    assert {each.name for each in fields(changed)} == changed.__dict__.keys()
    with pytest.raises(FrozenInstanceError):
        changed.status = JobStatus.FAILED  # type: ignore[misc]


def test_a_job_has_no_fields_that_nobody_declared() -> None:
    with pytest.raises(TypeError, match="statos"):
        JOB.changed(statos=JobStatus.RUNNING)
