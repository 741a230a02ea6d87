"""Programs that log in by a code: two routes for them, two for whoever lets them in."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import Unprocessable
from studio.models import ROLE_SCOPES
from studio.services.program_logins import INTERVAL_S, LIFETIME_S, ProgramLogins
from studio.web import membership_schemas as schemas
from studio.web.caller import json_body, optional_text, person, text_field
from studio.web.guard import address_of
from studio.web.keys_api import scopes_in
from studio.web.links import Links
from studio.web.respond import json_response

_MAX_DAYS: Final = 36_500
_UNSTORED: Final = {"Cache-Control": "no-store"}


def device_routes(*, logins: ProgramLogins, links: Links) -> APIRouter:
    """``/api/device``."""
    router = APIRouter(prefix="/api/device", tags=["Keys and secrets"])

    @router.post("/code", summary="Ask to be let in, as a program", **schemas.BEGIN_DEVICE)
    async def begin(request: Request) -> Response:
        body = await json_body(request)
        name = optional_text(body, "name") or "a program"
        scopes = scopes_in(body.get("scopes"))
        begun = await logins.begin(name, scopes, address_of(request.scope))
        page = f"{links.base(request)}/#/device"
        shown = f"{begun.user_code[:4]}-{begun.user_code[4:]}"
        return json_response(
            {
                "device_code": begun.device_code,
                "user_code": shown,
                "verification_uri": page,
                "verification_uri_complete": f"{page}/{shown}",
                "expires_in": LIFETIME_S,
                "interval": INTERVAL_S,
            },
            headers=_UNSTORED,
        )

    @router.post(
        "/token", summary="Whether somebody let the program in; its key, once", **schemas.REDEEM
    )
    async def redeem(request: Request) -> Response:
        code = text_field(await json_body(request), "device_code")
        key, token = await logins.redeem(code)
        return json_response(
            {
                "access_token": token,
                "token_type": "Bearer",
                "scopes": sorted(key.scopes),
                "expires_at": iso_or_none(key.expires_at),
                "user_id": key.user_id,
            },
            headers=_UNSTORED,
        )

    @router.post("/look", summary="Which program waits under a code", **schemas.LOOK_AT_DEVICE)
    async def look(request: Request) -> Response:
        identity = person(request)
        found = await logins.look(identity, text_field(await json_body(request), "user_code"))
        return json_response(
            {
                "name": found.name,
                "scopes": sorted(found.scopes),
                "may_give": sorted(found.scopes & ROLE_SCOPES[identity.role]),
                "address": found.address,
                "created_at": iso(found.created_at),
                "expires_at": iso(found.expires_at),
            }
        )

    @router.post("/decide", summary="Let a program in, or not", **schemas.DECIDE_DEVICE)
    async def decide(request: Request) -> Response:
        identity = person(request)
        body = await json_body(request)
        await logins.decide(
            identity,
            text_field(body, "user_code"),
            allow=_flag(body, "allow"),
            scopes=scopes_in(body.get("scopes")),
            expires_in_days=_days(body),
        )
        return Response(status_code=204)

    return router


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise Unprocessable(f"{name} must be true or false.", details={"field": name})
    return value


def _days(body: dict[str, Any]) -> int | None:
    days = body.get("expires_in_days")
    if days is not None and (type(days) is not int or not 1 <= days <= _MAX_DAYS):
        raise Unprocessable(
            "expires_in_days must be a whole number of days from 1.",
            details={"field": "expires_in_days"},
        )
    return days
