"""Coming in and going out: set-up, login, links that work once, and the list of open sessions."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.models import ROLE_SCOPES, Identity
from studio.services.logins import Entry, LoginService, Visitor
from studio.services.sessions import LIFETIME_MS, SessionService
from studio.store.sessions import Session
from studio.store.users import User
from studio.web import people_schemas as schemas
from studio.web.caller import json_body, optional_text, person, text_field
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.web.respond import json_response

_COOKIE_AGE_S: Final = LIFETIME_MS // 1000
DEVICE_COOKIE: Final = "studio-device"
_DEVICE_AGE_S: Final = 365 * 86_400


def session_routes(
    *, logins: LoginService, sessions: SessionService, links: Links, address: PublicAddress
) -> APIRouter:
    """``/api/setup``, ``/api/session``, ``/api/sessions`` and ``/api/join``."""
    router = APIRouter(prefix="/api", tags=["Sessions"])
    device = address.beside(DEVICE_COOKIE)

    def visitor(request: Request) -> Visitor:
        # The socket of the console has no address.
        host = "console" if request.client is None else request.client.host
        client = request.headers.get("user-agent", "")
        return Visitor(host, client, device.cookies(request.scope))

    def with_cookie(request: Request, response: Response, token: str) -> Response:
        age_s = _COOKIE_AGE_S if token else 0
        cookie = address.set_cookie(request.scope, token, max_age_s=age_s)
        response.headers.append("set-cookie", cookie)
        return response

    def with_cookies(request: Request, response: Response, entry: Entry) -> Response:
        with_cookie(request, response, entry.token)
        kept = device.set_cookie(request.scope, entry.device, max_age_s=_DEVICE_AGE_S)
        response.headers.append("set-cookie", kept)
        return response

    async def enter(request: Request, entry: Entry) -> Response:
        former: Identity | None = request.scope["studio.identity"]
        session_id = None if former is None else former.session_id
        if former is not None and session_id is not None and sessions.is_live(session_id):
            await sessions.end(former, session_id)
        return with_cookies(request, json_response({"user": _user_body(entry.user)}), entry)

    @router.get("/setup", summary="Whether the owner has to choose a password", **schemas.GET_SETUP)
    async def get_setup() -> Response:
        return json_response({"needed": await logins.needs_setup()})

    @router.post(
        "/setup",
        summary="Set the owner's password by link, or once by API_KEY; or look at a link",
        **schemas.SET_UP,
    )
    async def set_up(request: Request) -> Response:
        body = await json_body(request)
        key, who = optional_text(body, "api_key", 8192), visitor(request)
        if key is None and optional_text(body, "password") is None:
            link = await logins.look_at_setup(text_field(body, "token"))
            return json_response({"kind": link.kind, "expires_at": iso(link.expires_at)})
        password, name = text_field(body, "password"), optional_text(body, "name")
        if key is not None:
            entry = await logins.set_up_by_key(key, password, name, who)
        else:
            token = text_field(body, "token")
            entry = await logins.set_up_by_link(token, password, name, who)
        return await enter(request, entry)

    @router.post("/session", summary="Log in", **schemas.LOG_IN)
    async def login(request: Request) -> Response:
        body = await json_body(request)
        name, password = optional_text(body, "name"), text_field(body, "password")
        return await enter(request, await logins.login(name, password, visitor(request)))

    @router.get("/session", summary="Who is logged in, and until when", **schemas.GET_SESSION)
    async def get_session(request: Request) -> Response:
        identity = person(request)
        assert identity.session_id is not None
        user, base = await logins.user_of(identity), links.base(request)
        return json_response(
            {
                "user": _user_body(user),
                "expires_at": iso(sessions.ends_at(identity.session_id) or 0),
                "insecure": not (
                    address.is_secure(request.scope) or address.is_local(request.scope)
                ),
                "public_url": base,
            }
        )

    @router.delete("/session", summary="Log out", **schemas.LOG_OUT)
    async def log_out(request: Request) -> Response:
        identity = person(request)
        assert identity.session_id is not None
        await sessions.end(identity, identity.session_id)
        return with_cookie(request, Response(status_code=204), "")

    @router.post("/session/password", summary="Change your password", **schemas.CHANGE_PASSWORD)
    async def change_password(request: Request) -> Response:
        identity = person(request)
        body = await json_body(request)
        entry = await logins.change_password(
            identity, text_field(body, "current"), text_field(body, "new"), visitor(request)
        )
        return with_cookies(request, Response(status_code=204), entry)

    @router.get(
        "/sessions",
        summary="Open sessions: yours, or with ?all=1 everybody's",
        **schemas.LIST_SESSIONS,
    )
    async def list_sessions(request: Request) -> Response:
        identity = person(request)
        everybody = request.query_params.get("all") == "1"
        found = await sessions.list(identity, everybody=everybody)
        return json_response({"sessions": [_session_body(one, identity) for one in found]})

    @router.delete("/sessions", summary="End your other sessions", **schemas.END_OTHERS)
    async def end_other_sessions(request: Request) -> Response:
        await sessions.end_others(person(request))
        return Response(status_code=204)

    @router.delete("/sessions/{session_id}", summary="End a session", **schemas.END_SESSION)
    async def end_session(request: Request, session_id: str) -> Response:
        identity = person(request)
        await sessions.end(identity, session_id)
        response = Response(status_code=204)
        return with_cookie(request, response, "") if _is_own(identity, session_id) else response

    @router.post(
        "/join", summary="Look at an invitation or reset link, or come in by it", **schemas.JOIN
    )
    async def join(request: Request) -> Response:
        body = await json_body(request)
        token, password = text_field(body, "token"), optional_text(body, "password")
        if password is not None:
            name = optional_text(body, "name")
            return await enter(request, await logins.join(token, name, password, visitor(request)))
        link, user = await logins.look(token)
        seen: dict[str, Any] = {
            "role": link.role,
            "expires_at": iso(link.expires_at),
            "kind": link.kind,
        }
        return json_response(seen if user is None else {**seen, "name": user.name})

    return router


def _is_own(identity: Identity, session_id: str) -> bool:
    return identity.session_id == session_id


def _user_body(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "scopes": sorted(ROLE_SCOPES[user.role]),
    }


def _session_body(session: Session, identity: Identity) -> dict[str, Any]:
    return {
        "id": session.id,
        "user_id": session.user_id,
        "user_name": session.user_name,
        "created_at": iso(session.created_at),
        "last_used_at": iso(session.last_used_at),
        "expires_at": iso(session.expires_at),
        "client": session.client,
        "current": _is_own(identity, session.id),
    }
