"""``/api/models/look``: what is asked before a file is fetched."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.download_wishes import MAX_REFERENCE
from studio.services.reference_looks import Look, ReferenceLooks
from studio.web import model_schemas as schemas
from studio.web.caller import caller, json_body, text_field
from studio.web.respond import json_response


def reference_routes(looks: ReferenceLooks) -> APIRouter:
    """Looking makes Studio ask others, so it needs ``models:write`` as fetching does."""
    router = APIRouter(prefix="/api/models", tags=["Models"])

    @router.post("/look", summary="What a reference leads to", **schemas.LOOK)
    async def look(request: Request) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        reference = text_field(await json_body(request), "reference", MAX_REFERENCE)
        return json_response(_body(await looks.look(identity, reference)))

    return router


def _body(look: Look) -> dict[str, Any]:
    remote, here = look.remote, look.here
    return {
        "name": remote.name,
        "size_bytes": remote.size_bytes,
        "about_bytes": remote.about_bytes,
        "sha256": remote.sha256,
        "license": remote.license,
        "page": remote.page,
        "folder": look.folder,
        "told_by": look.told_by,
        "entry": None if look.entry is None else {"id": look.entry.id, "name": look.entry.name},
        "here": None if here is None else {"id": here.id, "folder": here.folder, "name": here.name},
        "pickle": look.is_pickle,
    }
