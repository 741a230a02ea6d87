"""``/v1/images``: pictures in OpenAI's protocol, drawn by presets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Asset, Identity, Scope
from studio.services.drawings import Drawings
from studio.services.picture_formats import FORMATS
from studio.web import image_schemas as schemas
from studio.web.caller import caller
from studio.web.image_orders import ImageOrder, read_edit, read_generation, size_text
from studio.web.image_stream import ImageStream
from studio.web.job_events import EventResponse, StreamLimit
from studio.web.links import Links
from studio.web.multipart import Part
from studio.web.patience import PAUSE_S, PatientAnswer

_SECOND_MS: Final = 1000


def image_routes(
    *,
    drawings: Drawings,
    links: Links,
    limit: StreamLimit,
    now_ms: Callable[[], int],
    is_live: Callable[[Identity], bool],
    pause_s: float = PAUSE_S,
) -> APIRouter:
    """The routes; both need the scope ``jobs``, and pictures that are sent ``assets``.

    Args:
        is_live: whether a caller would still be let in; asked while an answer is awaited.
        pause_s: how long nothing may be sent.
    """
    router = APIRouter(prefix="/v1/images", tags=["OpenAI"])

    async def answer(request: Request, identity: Identity, order: ImageOrder) -> Response:
        if order.stream:
            limit.enter(identity.user_id)
            try:
                job_ids = await drawings.start(identity, order.commission)
            except BaseException:
                limit.leave(identity.user_id)
                raise
            stream = ImageStream(drawings, identity, order, job_ids, now_ms, pause_s)
            return EventResponse(
                stream.frames(partial(_let_go, request, drawings, identity, order, job_ids)),
                limit=limit,
                identity=identity,
                is_live=is_live,
            )
        job_ids = await drawings.start(identity, order.commission)

        async def work() -> dict[str, Any]:
            try:
                assets = await drawings.pictures(identity, job_ids)
                return await _body(request, identity, order, assets)
            except asyncio.CancelledError:
                await _let_go(request, drawings, identity, order, job_ids)
                raise

        return PatientAnswer(work(), is_live=partial(is_live, identity), pause_s=pause_s)

    async def _body(
        request: Request, identity: Identity, order: ImageOrder, assets: Sequence[Asset]
    ) -> dict[str, Any]:
        data: list[dict[str, str]] = []
        for asset in assets:
            if order.with_bytes:
                content = await drawings.content(identity, asset, order.format, order.compression)
                data.append({"b64_json": base64.b64encode(content).decode("ascii")})
            else:
                data.append({"url": links.content_url(request, asset.id)[0]})
        body: dict[str, Any] = {"created": now_ms() // _SECOND_MS, "data": data}
        made = assets[0].content_type.removeprefix("image/")
        given = order.format if order.format is not None and order.with_bytes else made
        if given in FORMATS:
            body["output_format"] = given
        sides = await drawings.sides(identity, assets[0])
        if sides is not None:
            body["size"] = size_text(sides)
        return body

    @router.post("/generations", summary="Draw pictures from words", **schemas.GENERATE)
    async def generate(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return await answer(request, identity, await read_generation(request))

    @router.post("/edits", summary="Draw over pictures", **schemas.EDIT)
    async def edit(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        caller(request, Scope.ASSETS)

        async def keep(part: Part, name: str) -> str:
            return await drawings.keep(identity, name, part.chunks(), part.content_type)

        kept: list[str] = []
        try:
            order = await read_edit(request, keep, kept)
            return await answer(request, identity, order)
        except BaseException:
            # Whoever tries again sends the pictures again.
            await drawings.drop(identity, kept)
            raise

    return router


async def _let_go(
    request: Request,
    drawings: Drawings,
    identity: Identity,
    order: ImageOrder,
    job_ids: Sequence[str],
) -> None:
    """Whoever hung up without a key to come back with will not fetch what has not begun."""
    if order.commission.idempotency_key is None and await request.is_disconnected():
        await drawings.let_go(identity, job_ids)
