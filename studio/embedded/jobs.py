"""The queue and the history as ``/api/jobs`` shows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from studio.embedded.queue import Prompt

STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")

Job = dict[str, Any]

_PREVIEWABLE = ("images", "video", "audio", "3d", "text")
_TEXT_LIMIT = 1024


def is_job_id(value: object) -> bool:
    """Say whether a value is a UUID in canonical lower-case form, as all prompt ids are."""
    if not isinstance(value, str):
        return False
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False


def queued_job(prompt: Prompt, status: str) -> Job:
    """Show a prompt that waits or runs."""
    return _pruned(
        {
            "id": prompt.prompt_id,
            "status": status,
            "priority": prompt.number,
            "create_time": prompt.extra_data.get("create_time"),
            "outputs_count": 0,
            "previewable_outputs_count": 0,
            "workflow_id": _workflow_id(prompt.extra_data),
        }
    )


def finished_job(prompt_id: str, entry: Mapping[str, Any], *, whole: bool = False) -> Job:
    """Show an entry of the history, with its outputs and graph when ``whole``."""
    number, _, graph, extra_data, _ = entry["prompt"]
    messages: dict[str, Any] = dict(entry["status"]["messages"])
    ends = ("execution_success", "execution_error", "execution_interrupted")
    end: dict[str, Any] = next((messages[name] for name in ends if name in messages), {})
    items = list(_items(entry["outputs"]))
    job = _pruned(
        {
            "id": prompt_id,
            "status": _finished_status(entry["status"], messages),
            "priority": number,
            "create_time": extra_data.get("create_time"),
            "execution_start_time": messages.get("execution_start", {}).get("timestamp"),
            "execution_end_time": end.get("timestamp"),
            "execution_error": messages.get("execution_error"),
            "outputs_count": sum(isinstance(item, dict) for _, _, item in items),
            "previewable_outputs_count": sum(
                isinstance(item, dict) and kind in _PREVIEWABLE for _, kind, item in items
            ),
            "preview_output": _preview(items),
            "workflow_id": _workflow_id(extra_data),
        }
    )
    if whole:
        job["outputs"] = entry["outputs"]
        job["execution_status"] = entry["status"]
        job["workflow"] = {"prompt": graph, "extra_data": extra_data}
    return job


def sort_jobs(jobs: Iterable[Job], *, by: str, descending: bool) -> list[Job]:
    """Sort by ``created_at`` or ``execution_duration``."""

    def key(job: Job) -> float:
        if by == "created_at":
            return float(job.get("create_time", 0))
        start, end = job.get("execution_start_time", 0), job.get("execution_end_time", 0)
        return float(end - start if start and end else 0)

    return sorted(jobs, key=key, reverse=descending)


def _finished_status(status: Mapping[str, Any], messages: Mapping[str, Any]) -> str:
    if status["status_str"] == "success":
        return "completed"
    return "cancelled" if "execution_interrupted" in messages else "failed"


def _items(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for node_id, shown in outputs.items():
        for kind, items in shown.items():
            if kind != "animated":
                for item in items:
                    yield node_id, kind, item


def _preview(items: list[tuple[str, str, Any]]) -> dict[str, Any] | None:
    """Choose what stands for the job: a saved file, else any file, else text."""
    files = [
        {**item, "nodeId": node_id, "mediaType": kind}
        for node_id, kind, item in items
        if isinstance(item, dict) and kind in _PREVIEWABLE
    ]
    texts = [
        {**_shortened(item), "nodeId": node_id, "mediaType": kind}
        for node_id, kind, item in items
        if isinstance(item, str) and kind == "text"
    ]
    saved = [each for each in files if each.get("type") == "output"]
    return next(iter((*saved, *files, *texts)), None)


def _shortened(text: str) -> dict[str, Any]:
    if len(text) <= _TEXT_LIMIT:
        return {"content": text}
    return {"content": text[:_TEXT_LIMIT], "truncated": True}


def _workflow_id(extra_data: Mapping[str, Any]) -> Any:
    workflow = (extra_data.get("extra_pnginfo") or {}).get("workflow") or {}
    return workflow.get("id")


def _pruned(job: Job) -> Job:
    return {key: value for key, value in job.items() if value is not None}
