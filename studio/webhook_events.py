"""What webhooks are told: the types of events, and what each of them says. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from studio.clock import iso, iso_or_none
from studio.models import Asset, Job, JobStatus, Progress

PING: Final = "ping"
PROGRESS: Final = "job.progress"
ENDS: Final = {
    JobStatus.SUCCEEDED: "job.succeeded",
    JobStatus.FAILED: "job.failed",
    JobStatus.CANCELED: "job.canceled",
    JobStatus.EXPIRED: "job.expired",
}
OF_JOBS: Final = ("job.queued", "job.started", PROGRESS, *ENDS.values(), "output.created")
"""What people may hear of their own, and what a job's own webhook may."""
OF_THE_SYSTEM: Final = (
    *("download.queued", "download.started", "download.done", "download.failed"),
    "download.canceled",
    *("engine.starting", "engine.ready", "engine.unresponsive", "engine.down", "engine.stopped"),
    "engine.incompatible",
    "disk.low",
)
EVENTS: Final = (*OF_JOBS, *OF_THE_SYSTEM)
JOB_ENDS: Final = tuple(ENDS.values())
"""What the webhook of a job is told unless it asks for something else."""
MAX_BODY_BYTES: Final = 20_000
_MAX_OUTPUTS: Final = 20
_MAX_MESSAGE: Final = 2_000
_MAX_NAME: Final = 200


def expanded(patterns: Iterable[str], known: Sequence[str] = EVENTS) -> frozenset[str]:
    """The types that are meant: ``job.*`` is all of a group, ``*`` is everything."""
    asked = set(patterns)
    return frozenset(
        name
        for name in known
        if name in asked or "*" in asked or f"{name.split('.')[0]}.*" in asked
    )


def unknown_events(patterns: Iterable[str], known: Sequence[str]) -> list[str]:
    """Those of them that stand for nothing."""
    return [name for name in patterns if not expanded([name], known)]


def body_of(kind: str, at_ms: int, data: Mapping[str, Any]) -> str:
    """The message, in Standard Webhooks' shape: the same bytes at each attempt.

    One that would be too long names fewer of its outputs, and no metadata if that is not enough.
    """
    said = dict(data)
    while True:
        whole = {"type": kind, "timestamp": iso(at_ms), "data": said}
        body = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
        if len(body.encode()) < MAX_BODY_BYTES:
            return body
        if said.get("outputs"):
            said["outputs"] = said["outputs"][:-1]
        elif said.get("metadata"):
            said["metadata"] = {}
        else:
            return body


def job_data(
    job: Job, outputs: Sequence[Asset], outputs_total: int, base: str | None
) -> dict[str, Any]:
    """A job as webhooks see it.

    Args:
        outputs: those to name, at most 20 of them.
        base: how people reach Studio from outside, for absolute addresses.
    """
    return {
        "id": job.id,
        "status": job.status,
        "user_id": job.user_id,
        "title": job.title,
        "workflow_id": job.workflow_id,
        "origin": job.origin,
        "metadata": job.metadata if _is_small(job.metadata) else {},
        "created_at": iso(job.created_at),
        "started_at": iso_or_none(job.started_at),
        "completed_at": iso_or_none(job.completed_at),
        "error": _error(job),
        "outputs": [output_data(each, base) for each in outputs[:_MAX_OUTPUTS]],
        "outputs_total": outputs_total,
        "urls": {"self": f"{base or ''}/api/v2/jobs/{job.id}"},
    }


def output_data(asset: Asset, base: str | None) -> dict[str, Any]:
    """An output as webhooks see it. Its address wants a key: links that open it by themselves end
    sooner than some attempts begin.
    """
    return {
        "id": asset.id,
        "job_id": asset.job_id,
        "node_id": asset.node_id,
        "name": asset.file_path.rpartition("/")[2][:_MAX_NAME],
        "type": asset.output_type,
        "content_type": asset.content_type,
        "size_bytes": asset.size_bytes,
        "hash": asset.hash,
        "url": f"{base or ''}/api/v2/assets/{asset.id}/content",
    }


def progress_data(job: Job, progress: Progress) -> dict[str, Any]:
    """How far a job is."""
    said = asdict(progress)
    del said["awaited"]
    return {"id": job.id, "status": job.status, "user_id": job.user_id, "progress": said}


def _error(job: Job) -> dict[str, Any] | None:
    if job.error is None:
        return None
    return {
        "code": job.error.code,
        "message": job.error.message[:_MAX_MESSAGE],
        "node_id": _clipped(job.error.node_id),
        "class_type": _clipped(job.error.class_type),
    }


def _clipped(name: str | None) -> str | None:
    return None if name is None else name[:_MAX_NAME]


def _is_small(metadata: Mapping[str, str]) -> bool:
    return sum(len(name) + len(value) for name, value in metadata.items()) <= _MAX_MESSAGE
