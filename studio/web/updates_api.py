"""Updates: what there is, one click to it, and one click back."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import Unprocessable
from studio.models import Scope
from studio.services.update_source import Allowed
from studio.services.updates import UpdateService
from studio.web import update_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.respond import json_response

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def update_routes(updates: UpdateService) -> APIRouter:
    """``/api/system/updates``, which is the owner's."""
    router = APIRouter(prefix="/api/system/updates", tags=["System"])

    @router.get("", summary="What runs, what there is, and what is being done", **schemas.GET)
    async def get_updates(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(updates.status())

    @router.post("/check", summary="Look for a newer release now", **schemas.CHECK)
    async def check(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        await updates.check()
        return json_response(updates.status())

    @router.post("/apply", summary="Install the release that a check found", **schemas.APPLY)
    async def apply(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        body = await json_body(request)
        commit = body.get("commit")
        older, unsigned = body.get("allow_downgrade", False), body.get("allow_unsigned", False)
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise Unprocessable("commit must be the whole commit that the check found.")
        if not isinstance(older, bool) or not isinstance(unsigned, bool):
            raise Unprocessable("allow_downgrade and allow_unsigned must be true or false.")
        updates.apply(identity, commit, Allowed(older, unsigned))
        return json_response(updates.status(), 202)

    @router.post("/back", summary="Go back to the release before", **schemas.BACK)
    async def go_back(request: Request) -> Response:
        updates.go_back(caller(request, Scope.ADMIN))
        return json_response(updates.status(), 202)

    @router.post("/image", summary="Change to the image's newer copy", **schemas.BACK)
    async def use_image(request: Request) -> Response:
        updates.use_image(caller(request, Scope.ADMIN))
        return json_response(updates.status(), 202)

    @router.delete(
        "/notice", summary="Dismiss what was said of an update that failed", **schemas.DISMISS
    )
    async def dismiss(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        updates.dismiss()
        return json_response(updates.status())

    return router
