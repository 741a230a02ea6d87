"""API keys and named secrets: made and ended here, never shown again.

People have keys of their own; the owner sees everybody's.
"""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import Clock, iso, iso_or_none
from studio.errors import InvalidRequest, Unprocessable
from studio.models import Identity, Record, Scope, unrecorded
from studio.services.auth import AuthService
from studio.store.keys import ApiKey
from studio.store.secrets import SecretStore
from studio.web import system_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.respond import json_response

_SECRET_NAME: Final = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
MAX_SECRET_LENGTH: Final = 8192


def key_routes(
    *, auth: AuthService, secrets: SecretStore, clock: Clock, record: Record = unrecorded
) -> APIRouter:
    """The routes under ``/api/keys`` and ``/api/secrets``."""
    router = APIRouter(prefix="/api", tags=["Keys and secrets"])

    @router.get("/keys", summary="API keys that still open something", **schemas.LIST_KEYS)
    async def list_keys(request: Request) -> Response:
        found = await auth.list(_key_holder(request))
        return json_response({"keys": [_key_body(key) for key in found]})

    @router.post(
        "/keys",
        status_code=201,
        summary="Make an API key; it is shown this once",
        **schemas.CREATE_KEY,
    )
    async def create_key(request: Request) -> Response:
        identity = _key_holder(request)
        body = await json_body(request)
        name, days = body.get("name"), body.get("expires_in_days")
        if not isinstance(name, str):
            raise Unprocessable("name must be a string.")
        if days is not None and (type(days) is not int or not 1 <= days <= 36_500):
            raise Unprocessable("expires_in_days must be a whole number of days from 1.")
        rate = body.get("requests_per_minute")
        if rate is not None and (type(rate) is not int or not 1 <= rate <= 1_000_000):
            raise Unprocessable("requests_per_minute must be a whole number from 1 to 1000000.")
        key, token = await auth.create(
            identity,
            name=name,
            scopes=scopes_in(body.get("scopes")),
            expires_in_days=days,
            requests_per_minute=rate,
        )
        return json_response({**_key_body(key), "key": token}, 201)

    @router.delete(
        "/keys/{key_id}", status_code=204, summary="Revoke an API key at once", **schemas.REVOKE_KEY
    )
    async def revoke_key(request: Request, key_id: str) -> Response:
        await auth.revoke(_key_holder(request), key_id)
        return Response(status_code=204)

    @router.get(
        "/secrets", summary="Names of your secrets; values are never shown", **schemas.LIST_SECRETS
    )
    async def list_secrets(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        names = await secrets.names(identity.user_id)
        return json_response(
            {"secrets": [{"name": name, "updated_at": iso(at)} for name, at in names]}
        )

    @router.put("/secrets/{name}", status_code=204, summary="Store a secret", **schemas.PUT_SECRET)
    async def put_secret(request: Request, name: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        value = (await json_body(request)).get("value")
        if not _SECRET_NAME.match(name):
            raise InvalidRequest("A secret's name has 1 to 64 letters, digits, dots or dashes.")
        if not isinstance(value, str) or not 0 < len(value) <= MAX_SECRET_LENGTH:
            raise Unprocessable(f"value must be a string of 1 to {MAX_SECRET_LENGTH} characters.")
        await secrets.put(identity.user_id, name, value, clock.now_ms())
        record(identity.user_id, "secret.stored", name)
        return Response(status_code=204)

    @router.delete(
        "/secrets/{name}", status_code=204, summary="Forget a secret", **schemas.DELETE_SECRET
    )
    async def delete_secret(request: Request, name: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        await secrets.delete(identity.user_id, name)
        record(identity.user_id, "secret.removed", name)
        return Response(status_code=204)

    return router


def _key_holder(request: Request) -> Identity:
    """Who has keys: everybody who is logged in, and programs with the scope ``admin``."""
    identity: Identity | None = request.scope["studio.identity"]
    if identity is not None and identity.session_id is not None:
        return identity
    return caller(request, Scope.ADMIN)


def scopes_in(value: object) -> frozenset[Scope] | None:
    """A list of scopes; ``None`` without one.

    Raises:
        Unprocessable: it is something else, or empty.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(x, str) for x in value):
        raise Unprocessable("scopes must be a list of scope names.")
    known = {scope.value for scope in Scope}
    unknown = [name for name in value if name not in known]
    if unknown:
        raise Unprocessable(f"Unknown scope. Scopes are: {', '.join(sorted(known))}.")
    return frozenset(Scope(name) for name in value)


def _key_body(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "user_id": key.user_id,
        "scopes": sorted(key.scopes),
        "created_at": iso(key.created_at),
        "expires_at": iso_or_none(key.expires_at),
        "last_used_at": iso_or_none(key.last_used_at),
        "requests_per_minute": key.requests_per_minute,
    }
