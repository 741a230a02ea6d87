"""The routes under ``/api/jobs``."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from studio.embedded.context import Interruption
from studio.embedded.jobs import STATUSES, Job, finished_job, is_job_id, queued_job, sort_jobs
from studio.embedded.queue import PromptQueue

_SORTS = ("created_at", "execution_duration")
_ORDERS = ("asc", "desc")


class _Refusal(Exception):
    """A query that cannot be answered, with the reason that the client gets."""


class JobRoutes:
    """Lists, shows and cancels jobs."""

    def __init__(self, queue: PromptQueue, interruption: Interruption) -> None:
        self._queue = queue
        self._interruption = interruption

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/jobs", self._list),
            web.post("/api/jobs/cancel", self._cancel_many),
            web.get("/api/jobs/{job_id}", self._show),
            web.post("/api/jobs/{job_id}/cancel", self._cancel),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            statuses = _read_statuses(query.get("status"))
            by = _read_choice(query.get("sort_by", "created_at"), "sort_by", _SORTS)
            order = _read_choice(query.get("sort_order", "desc"), "sort_order", _ORDERS)
            limit = _read_limit(query.get("limit"))
            offset = _read_offset(query.get("offset"))
        except _Refusal as refusal:
            return web.json_response({"error": str(refusal)}, status=400)
        jobs = [job for job in self._all() if job["status"] in statuses]
        if workflow_id := query.get("workflow_id"):
            jobs = [job for job in jobs if job.get("workflow_id") == workflow_id]
        jobs = sort_jobs(jobs, by=by, descending=order == "desc")
        page = jobs[offset:] if limit is None else jobs[offset : offset + limit]
        pagination = {
            "offset": offset,
            "limit": limit,
            "total": len(jobs),
            "has_more": offset + len(page) < len(jobs),
        }
        return web.json_response({"jobs": page, "pagination": pagination})

    async def _show(self, request: web.Request) -> web.Response:
        job_id = request.match_info["job_id"]
        job = self._find(job_id)
        if job is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(job)

    async def _cancel(self, request: web.Request) -> web.Response:
        return web.json_response({"cancelled": self._stop(request.match_info["job_id"])})

    async def _cancel_many(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except json.JSONDecodeError:
            return web.json_response({"error": "Request body must be valid JSON"}, status=400)
        job_ids = body.get("job_ids") if isinstance(body, dict) else None
        if not isinstance(job_ids, list):
            return web.json_response({"error": "job_ids must be a list"}, status=400)
        invalid = [_as_text(each) for each in job_ids if not is_job_id(each)]
        if invalid:
            error = {"error": "job_ids contains invalid id(s)", "invalid_ids": invalid}
            return web.json_response(error, status=400)
        stopped = [self._stop(job_id) for job_id in job_ids]
        return web.json_response({"cancelled": any(stopped)})

    def _stop(self, job_id: str) -> bool:
        """Cancel a job that waits or runs, and say whether there was one."""
        interrupt = self._interruption.request
        return self._queue.interrupt_if_running(job_id, interrupt) or self._queue.delete(job_id)

    def _all(self) -> list[Job]:
        return [
            *(queued_job(prompt, "in_progress") for prompt in self._queue.running()),
            *(queued_job(prompt, "pending") for prompt in self._queue.waiting()),
            *(finished_job(key, entry) for key, entry in self._queue.history().items()),
        ]

    def _find(self, job_id: str) -> Job | None:
        for key, entry in self._queue.history_of(job_id).items():
            return finished_job(key, entry, whole=True)
        for prompt in self._queue.running():
            if prompt.prompt_id == job_id:
                return queued_job(prompt, "in_progress")
        for prompt in self._queue.waiting():
            if prompt.prompt_id == job_id:
                return queued_job(prompt, "pending")
        return None


def _read_statuses(value: str | None) -> tuple[str, ...]:
    if not value:
        return STATUSES
    wanted = [each.strip().lower() for each in value.split(",") if each.strip()]
    invalid = [each for each in wanted if each not in STATUSES]
    if invalid:
        raise _Refusal(
            f"Invalid status value(s): {', '.join(invalid)}. Valid values: {', '.join(STATUSES)}"
        )
    return tuple(wanted)


def _read_choice(value: str, name: str, allowed: tuple[str, ...]) -> str:
    if value.lower() not in allowed:
        raise _Refusal(f"{name} must be " + " or ".join(f"'{each}'" for each in allowed))
    return value.lower()


def _read_limit(value: str | None) -> int | None:
    if value is None:
        return None
    limit = _read_integer(value, "limit")
    if limit <= 0:
        raise _Refusal("limit must be a positive integer")
    return limit


def _read_offset(value: str | None) -> int:
    return 0 if value is None else max(0, _read_integer(value, "offset"))


def _read_integer(value: str, name: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise _Refusal(f"{name} must be an integer") from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
