"""Studio's own job routes under ``/api/``: history, queue, moves, retries, packages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.errors import Forbidden, InvalidRequest, Unprocessable
from studio.models import Identity, Scope
from studio.services.history import HistoryService
from studio.services.jobs import JobService, JobView
from studio.services.packages import PackageService
from studio.services.queue_control import QueueControl
from studio.services.submissions import CREDENTIAL_NAMES, Submission
from studio.store.job_list import JobFilter
from studio.web import job_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.job_bodies import package_body, studio_body
from studio.web.job_credentials import download_credentials
from studio.web.job_extras import recipe_body
from studio.web.job_webhooks import FIELDS as WEBHOOK_FIELDS
from studio.web.job_webhooks import job_webhook
from studio.web.links import Links
from studio.web.respond import json_response
from studio.web.v2_jobs_api import (
    credentials,
    idempotency_key,
    integer,
    labels,
    refuse_bare_graph,
    statuses,
)

MAX_PAGE: Final = 200
MAX_IDS: Final = 1000
_SUBMIT_FIELDS: Final = frozenset(
    {
        "workflow",
        "extra_data",
        "credentials",
        "metadata",
        "priority",
        "deadline_at",
        "title",
        "secrets",
        "workflow_id",
        *WEBHOOK_FIELDS,
    }
)


def job_routes(
    *,
    jobs: JobService,
    history: HistoryService,
    control: QueueControl,
    packages: PackageService,
    links: Links,
) -> APIRouter:
    """The routes under ``/api/jobs`` and ``/api/queue``."""
    router = APIRouter(prefix="/api", tags=["Jobs"])

    @router.post("/jobs", summary="Submit, with priority and deadline", **schemas.SUBMIT)
    async def submit(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.GRAPHS_RUN)
        submission = _submission(await json_body(request), idempotency_key(request))
        return json_response(
            studio_body(await jobs.submit(identity, submission), request, links), 201
        )

    @router.get("/jobs", summary="History: search, filter, page", **schemas.LIST)
    async def list_jobs(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        views, cursor = await history.page(_filter(request, identity))
        return json_response(
            {
                "jobs": [studio_body(view, request, links) for view in views],
                "next_cursor": None if cursor is None else str(cursor),
            }
        )

    @router.get(
        "/jobs/{job_id}", summary="One job, with what Studio knows beyond v2", **schemas.GET
    )
    async def get_job(request: Request, job_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        view = await jobs.get(identity, job_id)
        starts_in_ms = history.estimate(view)
        recipe = await jobs.recipe(view.job.id)
        return json_response(
            {
                **studio_body(view, request, links),
                "starts_in_ms": starts_in_ms,
                "recipe": recipe_body(recipe),
            }
        )

    @router.post("/jobs/cancel", summary="Cancel many jobs", **schemas.CANCEL_MANY)
    async def cancel_many(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        ids = (await json_body(request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise Unprocessable("ids must be a list of job ids.")
        if len(ids) > MAX_IDS:
            raise Unprocessable(f"At most {MAX_IDS} jobs can be cancelled in one request.")
        views, unknown = await jobs.cancel_many(identity, ids)
        return json_response(
            {"jobs": [studio_body(view, request, links) for view in views], "not_found": unknown}
        )

    @router.post("/jobs/{job_id}/cancel", summary="Cancel one job", **schemas.CANCEL)
    async def cancel(request: Request, job_id: str) -> Response:
        view = await jobs.cancel(caller(request, Scope.JOBS), job_id)
        return json_response(studio_body(view, request, links))

    @router.post("/jobs/{job_id}/move", summary="Give a waiting job another place", **schemas.MOVE)
    async def move(request: Request, job_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        before, priority = body.get("before"), body.get("priority")
        if before is not None and not isinstance(before, str):
            raise Unprocessable('before must be a job id, or "" for the end of the queue.')
        view = await jobs.move(
            identity, job_id, before=before, priority=_whole(priority, "priority", None)
        )
        return json_response(studio_body(view, request, links))

    @router.post("/jobs/{job_id}/retry", summary="Run the same graph again", **schemas.RETRY)
    async def retry(request: Request, job_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.GRAPHS_RUN)
        body = await json_body(request)
        new_seed = body.get("new_seed", False)
        if not isinstance(new_seed, bool):
            raise Unprocessable("new_seed must be true or false.")
        given = credentials(body.get("extra_data"))
        view = await jobs.retry(
            identity,
            job_id,
            new_seed=new_seed,
            credentials=given,
            download_credentials=download_credentials(body.get("credentials")),
            webhook=job_webhook(body),
        )
        return json_response(studio_body(view, request, links), 201)

    @router.delete(
        "/jobs/{job_id}/outputs/{asset_id}",
        summary="Delete one output of a job that has ended",
        **schemas.DELETE_OUTPUT,
    )
    async def delete_output(request: Request, job_id: str, asset_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.ASSETS)
        await jobs.delete_output(identity, job_id, asset_id)
        return Response(status_code=204)

    @router.get(
        "/jobs/{job_id}/package", summary="job.json, inputs and outputs as a ZIP", **schemas.PACKAGE
    )
    async def package(request: Request, job_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.ASSETS)
        view = await jobs.get(identity, job_id)
        graph = await jobs.graph(identity, job_id)
        description = package_body(studio_body(view, request, links), graph)
        chunks = await packages.stream(view.job, view.outputs, description)
        return StreamingResponse(
            chunks,
            media_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="job-{view.job.id}.zip"'},
        )

    @router.get("/queue", summary="Waiting jobs in order, with estimated starts", **schemas.QUEUE)
    async def queue(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        start = integer(request.query_params.get("start"), "start", 0, 0, 1 << 31) or 0
        limit = integer(request.query_params.get("limit"), "limit", 50, 1, MAX_PAGE) or 50
        entries = history.waiting(identity, start=start, limit=limit)
        return json_response(
            {
                "paused": control.paused,
                "depth": control.depth(identity),
                "next": [
                    studio_body(JobView(live.job, (), history.expiry(live.job)), request, links)
                    for live in history.handed_over(identity)
                ],
                "jobs": [
                    {
                        **studio_body(
                            JobView(
                                entry.live.job,
                                (),
                                history.expiry(entry.live.job),
                                entry.position,
                                entry.live,
                            ),
                            request,
                            links,
                        ),
                        "starts_in_ms": entry.starts_in_ms,
                    }
                    for entry in entries
                ],
            }
        )

    @router.post("/queue/pause", summary="Send nothing more to any engine", **schemas.PAUSE)
    async def pause(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        await control.pause()
        return json_response({"paused": True})

    @router.post("/queue/resume", summary="Go on", **schemas.PAUSE)
    async def resume(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        await control.resume()
        return json_response({"paused": False})

    @router.post("/queue/clear", summary="Cancel your jobs that have not started", **schemas.CLEAR)
    async def clear(request: Request) -> Response:
        views, _ = await jobs.cancel_many(caller(request, Scope.JOBS), None)
        return json_response({"canceled": len(views)})

    return router


def _submission(body: dict[str, Any], key: str | None) -> Submission:
    refuse_bare_graph(body)
    unknown = sorted(body.keys() - _SUBMIT_FIELDS)
    if unknown:
        raise Unprocessable(f"Unknown field {unknown[0]}.", details={"fields": unknown})
    for name in ("title", "workflow_id"):
        if not isinstance(body.get(name, ""), str):
            raise Unprocessable(f"{name} must be a string.")
    return Submission(
        workflow=body.get("workflow"),
        priority=_whole(body.get("priority"), "priority", 0) or 0,
        deadline_at=time_ms(body.get("deadline_at"), "deadline_at"),
        title=body.get("title", ""),
        workflow_id=body.get("workflow_id", ""),
        idempotency_key=key,
        credentials=credentials(body.get("extra_data")),
        secrets=_secrets(body.get("secrets")),
        download_credentials=download_credentials(body.get("credentials")),
        metadata=labels(body.get("metadata")),
        webhook=job_webhook(body),
    )


def _secrets(value: object) -> dict[str, str]:
    """``{"api_key_comfy_org": "<name of a stored secret>"}``."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not value.keys() <= CREDENTIAL_NAMES:
        raise Unprocessable(f"secrets takes only: {', '.join(sorted(CREDENTIAL_NAMES))}.")
    if any(not isinstance(name, str) for name in value.values()):
        raise Unprocessable("secrets maps to names of stored secrets.")
    return dict(value)


def _whole(value: object, name: str, default: int | None) -> int | None:
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unprocessable(f"{name} must be a whole number.")
    return value


def time_ms(value: object, name: str) -> int | None:
    """An ISO 8601 time with offset as milliseconds since the epoch.

    Raises:
        InvalidRequest: it is none.
    """
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 9999:
        raise InvalidRequest(f"{name} must be an ISO 8601 time with an offset.")
    return int(moment.timestamp() * 1000)


def _whose(user: str, identity: Identity) -> str | None:
    """Whose jobs are asked for: ``me``, a user's id, or nothing for all that the caller may see.

    Raises:
        Forbidden: somebody else's, and the caller is not the owner.
    """
    if user in ("me", identity.user_id):
        return identity.user_id
    if identity.sees_all:
        return user or None
    if user:
        raise Forbidden("Only the owner may list the jobs of others.")
    return identity.user_id


def _filter(request: Request, identity: Identity) -> JobFilter:
    query = request.query_params
    return JobFilter(
        user_id=_whose(query.get("user", ""), identity),
        statuses=statuses(query.get("status")),
        text=query.get("q", "")[:1000],
        model=query.get("model", ""),
        title=query.get("title", ""),
        workflow_id=query.get("workflow", ""),
        created_from=time_ms(query.get("from"), "from"),
        created_to=time_ms(query.get("to"), "to"),
        before=integer(query.get("cursor"), "cursor", None, 1, 1 << 62),
        limit=integer(query.get("limit"), "limit", 50, 1, MAX_PAGE) or 50,
    )
