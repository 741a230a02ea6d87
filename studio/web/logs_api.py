"""Studio's own log: looked through, and downloaded."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from studio.errors import InvalidRequest
from studio.models import Scope
from studio.services.log_search import MAX_ENTRIES, LogSearch
from studio.store.log_files import LEVELS, LogQuery
from studio.web.caller import caller, whole_number
from studio.web.openapi import INTEGER, STRING, TIME, answers, array, optional, query, record, route
from studio.web.respond import json_response

_MAX_TEXT: Final = 200
_FILTERS: Final = (
    query("level", "This one and graver ones.", {"type": "string", "enum": list(LEVELS)}),
    query("text", "What the line holds, in any case."),
    query("request", "The `X-Request-Id` of an answer."),
    query("job", "The id of a job."),
    query("user", "The id of a person."),
)
_ENTRY: Final = record(
    {
        "at": TIME,
        "level": STRING,
        "logger": STRING,
        "message": STRING,
        **dict.fromkeys(("request", "job", "user", "error"), STRING),
    },
    ("at", "level", "message"),
)
_LIST: Final = route(
    record({"entries": array(_ENTRY), "older": optional(STRING)}),
    {400: "invalid_request"},
    parameters=[
        *_FILTERS,
        query("limit", f"At most {MAX_ENTRIES}.", INTEGER),
        query("before", "`older` of the page before."),
    ],
)
_DOWNLOAD: Final[dict[str, Any]] = {
    "responses": answers(
        {
            200: {
                "description": "The same, oldest first, a line of JSON each.",
                "content": {"application/x-ndjson": {"schema": STRING}},
            }
        },
        {400: "invalid_request"},
    ),
    "openapi_extra": {"parameters": list(_FILTERS)},
}


def log_routes(search: LogSearch) -> APIRouter:
    """``/api/system/logs``."""
    router = APIRouter(prefix="/api/system/logs", tags=["System"])

    @router.get("", summary="Studio's log, newest first", **_LIST)
    async def get_logs(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        asked = request.query_params
        limit = whole_number(asked.get("limit"), "limit", 1, MAX_ENTRIES, default=100)
        page = await search.page(_query(request), limit=limit, before=asked.get("before"))
        return json_response({"entries": list(page.entries), "older": page.older})

    @router.get("/download", summary="Studio's log as a file", **_DOWNLOAD)
    async def download(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        headers = {"Content-Disposition": 'attachment; filename="studio-log.jsonl"'}
        return StreamingResponse(
            search.lines(_query(request)), headers=headers, media_type="application/x-ndjson"
        )

    return router


def _query(request: Request) -> LogQuery:
    asked = request.query_params
    level = asked.get("level", LEVELS[0])
    if level not in LEVELS:
        raise InvalidRequest(f"level must be one of {', '.join(LEVELS)}.")
    if any(len(value) > _MAX_TEXT for value in asked.values()):
        raise InvalidRequest(f"What is looked for has at most {_MAX_TEXT} characters.")
    return LogQuery(
        level=level,
        text=asked.get("text", ""),
        request=asked.get("request") or None,
        job=asked.get("job") or None,
        user=asked.get("user") or None,
    )
