"""``/api/downloads``: files that are fetched from elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import Forbidden, Unprocessable
from studio.models import Identity, Role, Scope
from studio.remote import Wish
from studio.services.download_line import download_body
from studio.services.download_wishes import MAX_PRIORITY, MAX_REFERENCE
from studio.services.downloads import SHOWN_ENDED, Downloads
from studio.store.downloads import DownloadLimits
from studio.web import download_schemas as schemas
from studio.web.caller import caller, json_body, optional_text, text_field, whole_number
from studio.web.respond import json_response

_WISH: Final = frozenset(
    {"reference", "folder", "name", "sha256", "size_bytes", "allow_pickle", "replace", "priority"}
)
_MOST: Final = 1 << 60


def download_routes(downloads: Downloads) -> APIRouter:
    """The routes under ``/api/downloads``: to look needs ``graphs:run``, else ``models:write``."""
    router = APIRouter(prefix="/api/downloads", tags=["Models"])

    async def shown(request: Request, download_id: str) -> Identity:
        """Who wants to change a download that they may see."""
        identity = caller(request, Scope.MODELS_WRITE)
        await downloads.get(download_id, by=identity)
        return identity

    @router.get("", summary="What is fetched, waits or was fetched", **schemas.LIST)
    async def list_downloads(request: Request) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        asked = request.query_params.get("ended")
        ended = whole_number(asked, "ended", 0, schemas.MOST_ENDED, default=SHOWN_ENDED)
        found = await downloads.list(ended=ended, by=identity)
        return json_response(
            {
                "items": [download_body(one) for one in found],
                "limits": asdict(downloads.limits),
            }
        )

    @router.post("", summary="Fetch a file; the same file twice is one download", **schemas.ADD)
    async def add(request: Request) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        wish = _wish(identity, await json_body(request))
        added = await downloads.add(wish, by=identity.user_id)
        return json_response(download_body(await downloads.get(added.id)), 201)

    @router.get("/limits", summary="How many at once, and how fast", **schemas.GET_LIMITS)
    async def get_limits(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response(asdict(downloads.limits))

    @router.put("/limits", summary="Change how many and how fast", **schemas.PUT_LIMITS)
    async def put_limits(request: Request) -> Response:
        caller(request, Scope.MODELS_WRITE)
        limits = _limits(await json_body(request))
        return json_response(asdict(await downloads.set_limits(limits)))

    @router.get("/{download_id}", summary="One download", **schemas.GET)
    async def get(request: Request, download_id: str) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        return json_response(download_body(await downloads.get(download_id, by=identity)))

    @router.delete(
        "/{download_id}", summary="Cancel it; forget one that has ended", **schemas.DELETE
    )
    async def delete(request: Request, download_id: str) -> Response:
        await shown(request, download_id)
        await downloads.cancel(download_id)
        return Response(status_code=204)

    @router.post("/{download_id}/pause", summary="Let it rest; what came is kept", **schemas.PAUSE)
    async def pause(request: Request, download_id: str) -> Response:
        await shown(request, download_id)
        return json_response(download_body(await downloads.pause(download_id)))

    @router.post("/{download_id}/resume", summary="Let it go on", **schemas.RESUME)
    async def resume(request: Request, download_id: str) -> Response:
        await shown(request, download_id)
        return json_response(download_body(await downloads.resume(download_id)))

    @router.post("/{download_id}/retry", summary="Try one again that failed", **schemas.RETRY)
    async def retry(request: Request, download_id: str) -> Response:
        identity = await shown(request, download_id)
        body = await json_body(request)
        tried = await downloads.retry(
            download_id,
            allow_pickle=_word(identity, body, "allow_pickle"),
            replaces=_word(identity, body, "replace"),
        )
        return json_response(download_body(tried))

    @router.post("/{download_id}/move", summary="Change whose turn it is", **schemas.MOVE)
    async def move(request: Request, download_id: str) -> Response:
        await shown(request, download_id)
        body = await json_body(request)
        moved = await downloads.move(
            download_id,
            before=optional_text(body, "before"),
            priority=_number(body, "priority", -MAX_PRIORITY, MAX_PRIORITY),
        )
        return json_response(download_body(moved))

    return router


def _wish(identity: Identity, body: dict[str, Any]) -> Wish:
    if unknown := sorted(body.keys() - _WISH):
        raise Unprocessable(f"Unknown field: {unknown[0][:100]}.", details={"field": unknown[0]})
    priority = _number(body, "priority", -MAX_PRIORITY, MAX_PRIORITY)
    return Wish(
        reference=text_field(body, "reference", MAX_REFERENCE),
        folder=text_field(body, "folder"),
        name=optional_text(body, "name", 1000),
        sha256=optional_text(body, "sha256"),
        size_bytes=_number(body, "size_bytes", 1, _MOST),
        allow_pickle=_word(identity, body, "allow_pickle"),
        replace=_word(identity, body, "replace"),
        priority=priority or 0,
    )


def _word(identity: Identity, body: dict[str, Any], name: str) -> bool:
    """A risk that only the owner may take."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Unprocessable(f"{name} must be true or false.", details={"field": name})
    if value and identity.role is not Role.OWNER:
        raise Forbidden(f"Only the owner may say {name}.")
    return value


def _limits(body: dict[str, Any]) -> DownloadLimits:
    concurrency = _number(body, "concurrency", 1, schemas.MOST_AT_ONCE)
    if concurrency is None:
        raise _wrong("concurrency", 1, schemas.MOST_AT_ONCE)
    speed = _number(body, "bytes_per_second", schemas.LEAST_SPEED, _MOST)
    return DownloadLimits(concurrency, speed)


def _number(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        raise _wrong(name, low, high)
    return value


def _wrong(name: str, low: int, high: int) -> Unprocessable:
    return Unprocessable(
        f"{name} must be a whole number from {low} to {high}.", details={"field": name}
    )
