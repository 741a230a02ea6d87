"""Users and invitations, for the owner."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import Unprocessable
from studio.models import Role, Scope
from studio.services.people import PeopleService
from studio.services.quotas import QuotaService
from studio.store.invitations import Invitation
from studio.store.users import User
from studio.web import people_schemas as schemas
from studio.web.caller import caller, json_body, optional_text
from studio.web.links import Links
from studio.web.quotas_api import quota_body
from studio.web.respond import json_response

DEFAULT_HOURS = 72


def people_routes(*, people: PeopleService, quotas: QuotaService, links: Links) -> APIRouter:
    """``/api/users`` and ``/api/invitations``."""
    router = APIRouter(prefix="/api", tags=["People"])

    @router.get("/users", summary="Everybody who may log in", **schemas.LIST_USERS)
    async def list_users(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        users = await people.list()
        used = await quotas.all_used({user.id: user.role for user in users})
        return json_response(
            {"users": [{**_user_body(user), "quota": quota_body(used[user.id])} for user in users]}
        )

    @router.patch(
        "/users/{user_id}",
        summary="Rename a user, change their role, or disable them",
        **schemas.UPDATE_USER,
    )
    async def update_user(request: Request, user_id: str) -> Response:
        caller(request, Scope.ADMIN)
        body = await json_body(request)
        disabled = body.get("disabled")
        if disabled is not None and not isinstance(disabled, bool):
            raise Unprocessable("disabled must be true or false.", details={"field": "disabled"})
        role = None if body.get("role") is None else _role(body)
        name = optional_text(body, "name")
        user = await people.update(user_id, name=name, role=role, disabled=disabled)
        return json_response(_user_body(user))

    @router.post(
        "/users/{user_id}/reset",
        summary="A one-time link that sets a new password",
        **schemas.RESET_USER,
    )
    async def reset_user(request: Request, user_id: str) -> Response:
        caller(request, Scope.ADMIN)
        made = await people.reset_link(user_id)
        return json_response(
            {"url": made.address(links.base(request)), "expires_at": iso(made.link.expires_at)}
        )

    @router.delete(
        "/users/{user_id}/sessions", summary="Log a user out everywhere", **schemas.SIGN_OUT
    )
    async def sign_out(request: Request, user_id: str) -> Response:
        caller(request, Scope.ADMIN)
        await people.sign_out(user_id)
        return Response(status_code=204)

    @router.get(
        "/invitations", summary="Invitations that can still be used", **schemas.LIST_INVITATIONS
    )
    async def list_invitations(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        found = await people.invitations()
        return json_response({"invitations": [_invitation_body(one) for one in found]})

    @router.post(
        "/invitations", summary="Invite somebody; the link is shown once", **schemas.INVITE
    )
    async def invite(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        body = await json_body(request)
        hours = body.get("expires_in_hours", DEFAULT_HOURS)
        if type(hours) is not int:
            raise Unprocessable(
                "expires_in_hours must be a whole number.", details={"field": "expires_in_hours"}
            )
        made = await people.invite(_role(body), hours)
        url = made.address(links.base(request))
        return json_response({**_invitation_body(made.link), "url": url}, 201)

    @router.delete("/invitations/{invitation_id}", summary="End an invitation", **schemas.WITHDRAW)
    async def withdraw(request: Request, invitation_id: str) -> Response:
        caller(request, Scope.ADMIN)
        await people.withdraw(invitation_id)
        return Response(status_code=204)

    return router


def _role(body: dict[str, Any]) -> Role:
    role = body.get("role")
    if not isinstance(role, str) or role not in set(Role):
        raise Unprocessable("role must be member or guest.", details={"field": "role"})
    return Role(role)


def _user_body(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        # The owner was there before anybody looked at a clock.
        "created_at": iso_or_none(user.created_at or None),
        "disabled_at": iso_or_none(user.disabled_at),
        "last_seen_at": iso_or_none(user.last_seen_at),
    }


def _invitation_body(link: Invitation) -> dict[str, Any]:
    return {
        "id": link.id,
        "role": link.role,
        "created_at": iso(link.created_at),
        "expires_at": iso(link.expires_at),
    }
