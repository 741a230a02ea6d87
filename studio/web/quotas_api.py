"""What people may use up: everybody sees their own, the owner sets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.errors import NotFound, Unprocessable
from studio.models import Role, Scope
from studio.services.people import PeopleService
from studio.services.quotas import Quota, QuotaService, Used
from studio.web import membership_schemas as schemas
from studio.web.caller import caller, json_body, known_fields
from studio.web.respond import json_response


def quota_routes(*, quotas: QuotaService, people: PeopleService) -> APIRouter:
    """``/api/me/quota``, ``/api/quotas`` and ``/api/users/{id}/quota``."""
    router = APIRouter(prefix="/api", tags=["People"])

    @router.get("/me/quota", summary="What you use up, and may", **schemas.GET_QUOTA)
    async def get_own(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        used = await quotas.used(identity.user_id, identity.role)
        return json_response({"quota": quota_body(used), "day_ends_at": iso(quotas.day_ends_at())})

    @router.get("/quotas", summary="What people may use up, by their role", **schemas.LIST_QUOTAS)
    async def list_defaults(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response({"roles": _roles_body(quotas)})

    @router.patch(
        "/quotas/{role}", summary="Set what everybody of a role may use up", **schemas.SET_DEFAULTS
    )
    async def set_defaults(request: Request, role: str) -> Response:
        caller(request, Scope.ADMIN)
        if role not in set(Role):
            raise NotFound("There is no such role.")
        await quotas.change_role(Role(role), _changes(await json_body(request)))
        return json_response({"roles": _roles_body(quotas)})

    @router.patch(
        "/users/{user_id}/quota", summary="Set what one person may use up", **schemas.SET_QUOTA
    )
    async def set_quota(request: Request, user_id: str) -> Response:
        caller(request, Scope.ADMIN)
        user = await people.get(user_id)
        await quotas.change_user(user_id, user.name, _changes(await json_body(request)))
        return json_response({"quota": quota_body(await quotas.used(user_id, user.role))})

    return router


def quota_body(used: Sequence[Used]) -> dict[str, Any]:
    """How somebody stands; a limit that is ``null`` is none."""
    return {
        each.quota.value: {
            "used": round(each.used, 1) if each.quota is Quota.GPU_SECONDS else int(each.used),
            "limit": each.limit,
            "own": each.is_own,
        }
        for each in used
    }


def _roles_body(quotas: QuotaService) -> dict[str, Any]:
    return {
        role.value: {quota.value: limit for quota, limit in quotas.limits_of(role).items()}
        for role in (Role.MEMBER, Role.GUEST)
    }


def _changes(body: dict[str, Any]) -> dict[Quota, Any]:
    known_fields(body, frozenset(Quota))
    if not body:
        raise Unprocessable(f"Name at least one of {', '.join(Quota)}.")
    return {Quota(name): value for name, value in body.items()}
