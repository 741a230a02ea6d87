"""``/api/share-links``: what people lend to others by a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import Clock, iso, iso_or_none
from studio.errors import Unprocessable
from studio.models import Identity, Scope
from studio.services.share_forms import ShareForms
from studio.services.shares import ShareService, Wish, require_sharer
from studio.store.shares import Kind, Share
from studio.web import share_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, optional_text, text_field
from studio.web.links import Links
from studio.web.respond import json_response

_KINDS: Final[tuple[Kind, ...]] = ("asset", "board", "preset")
_SETTINGS: Final = frozenset(
    {
        "label", "expires_in_hours", "password", "with_recipe", "with_previews", "fields",
        "runs_per_hour", "runs_total",
    }
)  # fmt: skip
_MAX_FIELDS: Final = 200


def share_link_routes(
    *, shares: ShareService, forms: ShareForms, links: Links, clock: Clock
) -> APIRouter:
    """The routes; all need the scopes ``jobs`` and ``assets``."""
    router = APIRouter(prefix="/api/share-links", tags=["Shared links"])

    @router.get("", summary="Your links; everybody's for the owner", **schemas.LIST)
    async def list_links(request: Request) -> Response:
        found = await shares.list(_sharer(request))
        now_ms = clock.now_ms()
        return json_response({"items": [_body(one, now_ms) for one in found], "total": len(found)})

    @router.post("", summary="A link to a file, a board or a preset", **schemas.CREATE)
    async def create(request: Request) -> Response:
        identity = _sharer(request)
        body = known_fields(await json_body(request), _SETTINGS | {"kind", "target"})
        kind = next((each for each in _KINDS if body.get("kind") == each), None)
        if kind is None:
            raise Unprocessable(
                f"kind must be one of: {', '.join(_KINDS)}.", details={"field": "kind"}
            )
        wish = Wish(kind=kind, target=text_field(body, "target"), **_settings(body))
        share, token = await shares.create(identity, wish)
        url = f"{links.base(request)}/s/{token}"
        return json_response({**_body(share, clock.now_ms()), "url": url}, 201)

    @router.get("/openings", summary="What a link to a preset can ask for", **schemas.OPENINGS)
    async def openings(request: Request) -> Response:
        identity = _sharer(request)
        require_sharer(identity)
        found = await forms.openings(identity, request.query_params.get("preset", ""))
        return json_response(
            {
                "items": [
                    {
                        "id": each.id,
                        "name": each.name,
                        "type": each.type,
                        "default": each.default,
                        "needed": each.needed,
                    }
                    for each in found
                ]
            }
        )

    @router.patch("/{share_id}", summary="Change what is given of a link", **schemas.UPDATE)
    async def update(request: Request, share_id: str) -> Response:
        identity = _sharer(request)
        body = known_fields(await json_body(request), _SETTINGS)
        share = await shares.update(identity, share_id, _settings(body))
        return json_response(_body(share, clock.now_ms()))

    @router.delete("/{share_id}", summary="Withdraw a link", **schemas.REVOKE)
    async def revoke(request: Request, share_id: str) -> Response:
        await shares.revoke(_sharer(request), share_id)
        return Response(status_code=204)

    return router


def _sharer(request: Request) -> Identity:
    caller(request, Scope.JOBS)
    return caller(request, Scope.ASSETS)


def _settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is given of a link's settings, by the names of ``Wish``."""
    found: dict[str, Any] = {}
    if "label" in body:
        found["label"] = text_field(body, "label")
    if "password" in body:
        found["password"] = optional_text(body, "password", 512)
    for name in ("with_recipe", "with_previews"):
        if name not in body:
            continue
        if not isinstance(body[name], bool):
            raise Unprocessable(f"{name} must be true or false.", details={"field": name})
        found[name] = body[name]
    if "fields" in body:
        fields = body["fields"]
        if (
            not isinstance(fields, list)
            or len(fields) > _MAX_FIELDS
            or not all(isinstance(each, str) for each in fields)
        ):
            raise Unprocessable("fields must be a list of inputs.", details={"field": "fields"})
        found["fields"] = tuple(fields)
    for given, name in (("expires_in_hours", "hours"), ("runs_per_hour", "runs_per_hour")):
        if given in body:
            found[name] = _whole(body, given)
    if "runs_total" in body:
        found["runs_total"] = None if body["runs_total"] is None else _whole(body, "runs_total")
    return found


def _whole(body: Mapping[str, Any], name: str) -> int:
    if type(body[name]) is not int or not 0 <= body[name] < 1 << 31:
        raise Unprocessable(f"{name} must be a whole number.", details={"field": name})
    return int(body[name])


def _body(share: Share, now_ms: int) -> dict[str, Any]:
    return {
        "id": share.id,
        "kind": share.kind,
        "target": share.target,
        "label": share.label,
        "start": share.start,
        "user": {"id": share.user_id, "name": share.user_name},
        "has_password": share.password is not None,
        "with_recipe": share.with_recipe,
        "with_previews": share.with_previews,
        "fields": share.fields,
        "runs_per_hour": share.runs_per_hour,
        "runs_total": share.runs_total,
        "state": _state(share, now_ms),
        "opened": share.opened,
        "runs": share.runs,
        "created_at": iso(share.created_at),
        "expires_at": iso(share.expires_at),
        "last_used_at": iso_or_none(share.last_used_at),
    }


def _state(share: Share, now_ms: int) -> str:
    if share.revoked_at is not None:
        return "revoked"
    if share.expires_at <= now_ms:
        return "expired"
    return "open" if share.leads else "gone"
