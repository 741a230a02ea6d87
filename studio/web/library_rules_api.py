"""``/api/library/rules``: what the library throws away by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.library_rules import LibraryRules, Rules, parse_rules
from studio.store.picture_rules import Old
from studio.web import library_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.respond import json_response

_SHOWN: Final = 100


def library_rule_routes(rules: LibraryRules) -> APIRouter:
    """The owner's rules; each route needs the scope ``admin``."""
    router = APIRouter(prefix="/api/library/rules", tags=["Library"])

    @router.get("", summary="What the library throws away by itself", **schemas.GET_RULES)
    async def get(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(asdict(await rules.get()))

    @router.put("", summary="Replace these rules", **schemas.PUT_RULES)
    async def put(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        wanted = parse_rules(await json_body(request), Rules())
        return json_response(asdict(await rules.put(identity, wanted)))

    @router.post("/preview", summary="What rules would do now", **schemas.PREVIEW_RULES)
    async def preview(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        wanted = parse_rules(await json_body(request), await rules.get())
        plan = await rules.plan(wanted)
        return json_response({"trash": _found(plan.trash), "purge": _found(plan.purge)})

    return router


def _found(files: Sequence[Old]) -> dict[str, Any]:
    return {
        "count": len(files),
        "size_bytes": sum(one.size_bytes for one in files),
        "ids": [one.id for one in files[:_SHOWN]],
    }
