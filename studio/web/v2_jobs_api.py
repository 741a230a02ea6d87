"""Comfy API v2, jobs: submit, look, stream, cancel, and the list as an extension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import Clock
from studio.errors import InvalidRequest, InvalidWorkflow, Unprocessable
from studio.graphs.graph import parse
from studio.models import Identity, JobStatus, Scope
from studio.services.history import HistoryService
from studio.services.jobs import JobService
from studio.services.queue import JobQueue
from studio.services.submissions import CREDENTIAL_NAMES, Submission
from studio.store.job_list import JobFilter
from studio.web import job_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.job_bodies import job_body, listed_body
from studio.web.job_events import EventResponse, JobStream, StreamLimit
from studio.web.links import Links
from studio.web.respond import json_response

MAX_KEY_LENGTH: Final = 255
MAX_PAGE: Final = 500
MAX_LABELS: Final = 50
_SUBMIT_FIELDS: Final = frozenset({"workflow", "extra_data", "metadata"})
_RESERVED: Final = frozenset({"webhook_url", "inputs"})


class V2Jobs:
    """The endpoints that the hot path shares with the router."""

    def __init__(self, *, jobs: JobService, links: Links) -> None:
        self._jobs = jobs
        self._links = links

    async def submit(self, request: Request) -> Response:
        """Accept a workflow."""
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.GRAPHS_RUN)
        submission = v2_submission(await json_body(request), idempotency_key(request))
        view = await self._jobs.submit(identity, submission)
        return json_response(job_body(view, request, self._links), 201)

    async def get_job(self, request: Request, job_id: str) -> Response:
        """The job as it stands."""
        view = await self._jobs.get(caller(request, Scope.JOBS), job_id)
        return json_response(job_body(view, request, self._links))


def v2_job_routes(
    *,
    endpoints: V2Jobs,
    jobs: JobService,
    history: HistoryService,
    queue: JobQueue,
    links: Links,
    clock: Clock,
    is_live: Callable[[Identity], bool],
) -> APIRouter:
    """The routes under ``/api/v2/jobs``.

    Args:
        is_live: whether a caller would still be let in; streams ask it.
    """
    router = APIRouter(prefix="/api/v2/jobs", tags=["Comfy API v2: jobs"])
    limit = StreamLimit()
    submit = router.post("", summary="Submit a workflow for execution", **schemas.V2_SUBMIT)
    submit(endpoints.submit)
    router.get("/{job_id}", summary="Job status", **schemas.V2_GET)(endpoints.get_job)

    @router.get("", summary="List jobs, newest first (an extension)", **schemas.V2_LIST)
    async def list_jobs(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        wanted = list_filter(request, identity)
        page, cursor = await history.page(wanted)
        body: dict[str, Any] = {
            "jobs": [listed_body(view, request, links) for view in page],
            "truncated": False,
        }
        if cursor is not None:
            body["next_cursor"] = str(cursor)
        return json_response(body)

    @router.get("/{job_id}/workflow", summary="The graph the job runs", **schemas.V2_WORKFLOW)
    async def get_workflow(request: Request, job_id: str) -> Response:
        graph = await jobs.graph(caller(request, Scope.JOBS), job_id)
        return json_response({"workflow": graph, "format": "api"})

    @router.get("/{job_id}/events", summary="Live event stream (SSE)", **schemas.V2_EVENTS)
    async def get_events(request: Request, job_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        view = await jobs.get(identity, job_id)
        limit.enter(identity.user_id)
        stream = JobStream(view=view, queue=queue, request=request, links=links, clock=clock)
        return EventResponse(stream.frames(), limit=limit, identity=identity, is_live=is_live)

    @router.post("/{job_id}/cancel", summary="Request cancellation", **schemas.V2_CANCEL)
    async def cancel(request: Request, job_id: str) -> Response:
        view = await jobs.cancel(caller(request, Scope.JOBS), job_id)
        return json_response(job_body(view, request, links))

    return router


def idempotency_key(request: Request) -> str | None:
    """The ``Idempotency-Key`` header.

    Raises:
        Unprocessable: empty or longer than 255 characters.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key.strip()) <= MAX_KEY_LENGTH:
        raise Unprocessable(f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters.")
    return key


def v2_submission(body: dict[str, Any], key: str | None) -> Submission:
    """A v2 submit body as a submission.

    Raises:
        InvalidWorkflow: no workflow. Unprocessable: reserved or unknown fields, wrong types.
    """
    refuse_bare_graph(body)
    reserved = sorted(_RESERVED & body.keys())
    if reserved:
        raise Unprocessable(
            f"{reserved[0]} is reserved by Comfy API v2 and not accepted yet.",
            details={"fields": reserved},
        )
    unknown = sorted(body.keys() - _SUBMIT_FIELDS)
    if unknown:
        raise Unprocessable(f"Unknown field {unknown[0]}.", details={"fields": unknown})
    if "workflow" not in body:
        raise InvalidWorkflow("The field workflow is missing: send the API-format graph in it.")
    return Submission(
        workflow=body["workflow"],
        idempotency_key=key,
        credentials=credentials(body.get("extra_data")),
        metadata=labels(body.get("metadata")),
    )


def refuse_bare_graph(body: dict[str, Any]) -> None:
    """Tell somebody who sent a graph as the body itself what is missing around it.

    Raises:
        InvalidWorkflow, WorkflowFormatUi.
    """
    if "workflow" in body:
        return
    nodes = [node for node in body.values() if isinstance(node, dict)]
    if any("class_type" in node for node in nodes):
        raise InvalidWorkflow('This is a bare graph. Send it as {"workflow": <the graph>}.')
    if isinstance(body.get("nodes"), list):
        parse(body)


def credentials(value: object) -> dict[str, str]:
    """``extra_data``: a closed object of short-lived credentials."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not value.keys() <= CREDENTIAL_NAMES:
        allowed = ", ".join(sorted(CREDENTIAL_NAMES))
        raise Unprocessable(f"extra_data takes only: {allowed}.")
    if any(not isinstance(item, str) or len(item) > 4096 for item in value.values()):
        raise Unprocessable("Values in extra_data must be strings.")
    return dict(value)


def labels(value: object) -> dict[str, str]:
    """``metadata``: string labels, fixed at submit."""
    if value is None:
        return {}
    fits = isinstance(value, dict) and len(value) <= MAX_LABELS
    if not fits or not isinstance(value, dict):
        raise Unprocessable(f"metadata must be an object of at most {MAX_LABELS} labels.")
    if any(
        not isinstance(item, str) or len(item) > 500 or len(key) > 100
        for key, item in value.items()
    ):
        raise Unprocessable("metadata must map short names to strings.")
    return dict(value)


def list_filter(request: Request, identity: Identity) -> JobFilter:
    """The list's query parameters: status, limit, cursor, metadata[key]."""
    query = request.query_params
    return JobFilter(
        user_id=None if identity.sees_all else identity.user_id,
        statuses=statuses(query.get("status")),
        metadata={
            key[len("metadata[") : -1]: value
            for key, value in query.multi_items()
            if key.startswith("metadata[") and key.endswith("]")
        },
        before=integer(query.get("cursor"), "cursor", None, 1, 1 << 62),
        limit=integer(query.get("limit"), "limit", 50, 1, MAX_PAGE) or 50,
    )


def statuses(text: str | None) -> tuple[JobStatus, ...]:
    """A comma-separated list of statuses."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    known = {status.value for status in JobStatus}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidRequest(f"Unknown status: {unknown[0][:50]}.")
    return tuple(JobStatus(name) for name in names)


def integer(text: str | None, name: str, default: int | None, low: int, high: int) -> int | None:
    """A whole number of a query, within bounds.

    Raises:
        InvalidRequest: it is none, or out of bounds.
    """
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise InvalidRequest(f"{name} must be a whole number.") from None
    if not low <= value <= high:
        raise InvalidRequest(f"{name} must lie between {low} and {high}.")
    return value
