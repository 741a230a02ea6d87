"""Who did what: pages of it, the newest first."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.activity import Activity, entry_body
from studio.store.activity import ActivityFilter
from studio.web import house_schemas as schemas
from studio.web.caller import caller, whole_number
from studio.web.respond import json_response

MAX_LIMIT: Final = 500
_MAX_SEQ: Final = 2**62


def activity_routes(activity: Activity) -> APIRouter:
    """``/api/activity``."""
    router = APIRouter(prefix="/api", tags=["Activity"])

    @router.get(
        "/activity",
        summary="Who did what, newest first: you, or for the owner everybody",
        **schemas.LIST_ACTIVITY,
    )
    async def list_activity(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        asked = request.query_params
        limit = whole_number(asked.get("limit"), "limit", 1, MAX_LIMIT, default=100)
        before = asked.get("before")
        wanted = ActivityFilter(
            user_id=asked.get("user") or None,
            kind=asked.get("kind", "")[:100],
            text=asked.get("q", "")[:200],
            before=None if before is None else whole_number(before, "before", 0, _MAX_SEQ),
            limit=limit + 1,
        )
        found = await activity.page(identity, wanted)
        shown = found[:limit]
        more = len(found) > limit
        return json_response(
            {
                "items": [entry_body(entry) for entry in shown],
                "next_cursor": str(shown[-1].seq) if more else None,
            }
        )

    return router
