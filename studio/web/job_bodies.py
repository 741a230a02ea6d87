"""Jobs, outputs and progress in Comfy API v2's shapes."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import HTTPConnection

from studio.clock import iso, iso_or_none
from studio.graphs.graph import Graph
from studio.models import Asset, JobError, Preview, Progress
from studio.services.jobs import JobView
from studio.web.job_extras import own_progress_body
from studio.web.links import Links


def output_body(asset: Asset, request: HTTPConnection, links: Links) -> dict[str, Any]:
    """v2's ``Output``."""
    url, ends_at = links.content_url(request, asset.id)
    return {
        "node_id": asset.node_id,
        "name": asset.file_path.rpartition("/")[2],
        "type": asset.output_type,
        "content_type": asset.content_type,
        "size_bytes": asset.size_bytes,
        "id": asset.id,
        "hash": asset.hash,
        "url": url,
        "url_expires_at": iso(ends_at),
        "job_id": asset.job_id,
    }


def progress_body(progress: Progress) -> dict[str, Any]:
    """v2's ``Progress``."""
    return {
        "value": progress.value,
        "nodes_done": progress.nodes_done,
        "nodes_total": progress.nodes_total,
        "current_node": progress.current_node,
        "current_node_class": progress.current_node_class,
        "step": progress.step,
        "steps": progress.steps,
        "message": progress.message,
    }


def preview_body(preview: Preview) -> dict[str, Any]:
    """v2's ``PreviewEvent``."""
    return {
        "node_id": preview.node_id,
        "content_type": preview.content_type,
        "data_base64": base64.b64encode(preview.data).decode("ascii"),
    }


def error_body(error: JobError) -> dict[str, Any]:
    """v2's ``JobError``, with ``details`` where there are any."""
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "node_id": error.node_id,
        "class_type": error.class_type,
        "traceback": error.traceback,
    }
    if error.details is not None:
        body["details"] = error.details
    return body


def job_body(view: JobView, request: HTTPConnection, links: Links) -> dict[str, Any]:
    """v2's ``Job``."""
    job = view.job
    progress = view.live.progress if view.live is not None else None
    path = f"/api/v2/jobs/{job.id}"
    body: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "created_at": iso(job.created_at),
        "started_at": iso_or_none(job.started_at),
        "completed_at": iso_or_none(job.completed_at),
        "expires_at": iso(view.expires_at),
        "queue_position": view.queue_position,
        "progress": progress_body(progress) if progress is not None else None,
        "outputs": [
            output_body(asset, request, links) for asset in view.outputs if asset.trashed_at is None
        ],
        "error": error_body(job.error) if job.error is not None else None,
        "metrics": {
            "queue_ms": _span(job.created_at, job.started_at),
            "execution_ms": _span(job.started_at, job.completed_at),
        },
        "urls": {"self": path, "events": f"{path}/events", "cancel": f"{path}/cancel"},
    }
    if job.metadata:
        body["metadata"] = job.metadata
    return body


def listed_body(view: JobView, request: HTTPConnection, links: Links) -> dict[str, Any]:
    """One item of a list: v2's ``Job`` and the names the official clients read in lists."""
    job = view.job
    body = job_body(view, request, links)
    changed = job.completed_at or job.started_at or job.created_at
    return {**body, "create_time": body["created_at"], "update_time": iso(changed)}


def studio_body(view: JobView, request: HTTPConnection, links: Links) -> dict[str, Any]:
    """A job with what Studio knows beyond v2."""
    job = view.job
    progress = view.live.progress if view.live is not None else None
    return {
        **job_body(view, request, links),
        "progress": None if progress is None else own_progress_body(progress),
        "title": job.title,
        "workflow_id": job.workflow_id,
        "user_id": job.user_id,
        "priority": job.priority,
        "deadline_at": iso_or_none(job.deadline_at),
        "engine": job.engine,
        "attempts": job.attempt,
        "engine_deaths": job.deaths,
        "origin": job.origin,
        "retry_of": job.retry_of,
        "models": sorted(job.model_names),
        "cancel_requested_at": iso_or_none(job.cancel_requested_at),
    }


def package_body(body: dict[str, Any], graph: Graph) -> dict[str, Any]:
    """``job.json`` of a package: it may be handed on, so it holds no links that open anything."""
    outputs = [
        {name: value for name, value in output.items() if not name.startswith("url")}
        for output in body["outputs"]
    ]
    kept = {name: value for name, value in body.items() if name != "urls"}
    return {**kept, "outputs": outputs, "workflow": graph}


def _span(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else max(0, end - start)
