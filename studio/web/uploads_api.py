"""Uploads in parts: a file of any size through proxies with small limits and lines that break."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from studio.clock import iso
from studio.errors import InvalidRequest, Unprocessable
from studio.models import Asset, Scope
from studio.services.uploads import KEPT_MS, Announcement, UploadService
from studio.store.uploads import Upload
from studio.web import upload_schemas as schemas
from studio.web.assets_api import Links, asset_body
from studio.web.caller import caller, json_body
from studio.web.respond import json_response

_FIELDS: Final = frozenset({"name", "size_bytes", "hash", "content_type", "tags", "expires_in"})
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


def upload_routes(uploads: UploadService, links: Links) -> APIRouter:
    """The routes under ``/api/uploads``; each needs the scope ``assets``."""
    router = APIRouter(prefix="/api/uploads", tags=["Uploads"])

    def made(request: Request, asset: Asset, status: int) -> Response:
        body = asset_body(asset, *links.content_url(request, asset.id))
        return json_response({"asset": body}, status)

    @router.post("", summary="Announce a file", **schemas.BEGIN)
    async def begin(request: Request) -> Response:
        identity = caller(request, Scope.ASSETS)
        begun = await uploads.begin(identity, _announcement(await json_body(request)))
        if isinstance(begun, Asset):
            return made(request, begun, 200)
        return json_response(upload_body(begun), 201)

    @router.get("", summary="Your uploads that are not complete", **schemas.LIST)
    async def list_uploads(request: Request) -> Response:
        found = await uploads.unfinished(caller(request, Scope.ASSETS))
        return json_response({"uploads": [upload_body(upload) for upload in found]})

    @router.get("/{upload_id}", summary="What came of an upload so far", **schemas.GET)
    async def get_upload(request: Request, upload_id: str) -> Response:
        return json_response(
            upload_body(await uploads.get(caller(request, Scope.ASSETS), upload_id))
        )

    @router.put("/{upload_id}/parts/{number}", summary="Send a part", **schemas.PUT_PART)
    async def put_part(request: Request, upload_id: str, number: str) -> Response:
        identity = caller(request, Scope.ASSETS)
        if _NUMBER.fullmatch(number) is None:
            raise Unprocessable("Parts are numbered from 0.", details={"field": "number"})
        await uploads.put_part(
            identity, upload_id, int(number), _body(request), length=_content_length(request)
        )
        upload = await uploads.get(identity, upload_id)
        return json_response({"received": upload.received})

    @router.post("/{upload_id}/complete", summary="Make it an asset", **schemas.COMPLETE)
    async def complete(request: Request, upload_id: str) -> Response:
        asset = await uploads.complete(caller(request, Scope.ASSETS), upload_id)
        return made(request, asset, 201)

    @router.delete("/{upload_id}", summary="Give an upload up", **schemas.DELETE)
    async def delete(request: Request, upload_id: str) -> Response:
        await uploads.delete(caller(request, Scope.ASSETS), upload_id)
        return Response(status_code=204)

    return router


def upload_body(upload: Upload) -> dict[str, Any]:
    """An upload as clients see it."""
    return {
        "id": upload.id,
        "name": upload.file_path,
        "size_bytes": upload.size_bytes,
        "hash": upload.expected_hash,
        "part_bytes": upload.part_bytes,
        "parts": upload.parts,
        "received": upload.received,
        "expires_at": iso(upload.touched_at + KEPT_MS),
        "asset_id": upload.asset_id,
    }


def _announcement(body: dict[str, Any]) -> Announcement:
    if unknown := sorted(body.keys() - _FIELDS):
        raise Unprocessable(f"Unknown field: {unknown[0][:100]}.", details={"field": unknown[0]})
    tags = body.get("tags")
    if tags is not None and not (
        isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    ):
        raise _wrong("tags", "a list of texts")
    return Announcement(
        name=_field(body, "name", str, "a text", required=True),
        size_bytes=_field(body, "size_bytes", int, "a whole number", required=True),
        hash=_field(body, "hash", str, "a text"),
        content_type=_field(body, "content_type", str, "a text"),
        tags=tuple(tags or ()),
        expires_in=_field(body, "expires_in", int, "a whole number"),
    )


def _field(
    body: dict[str, Any], name: str, kind: type, words: str, *, required: bool = False
) -> Any:
    value = body.get(name)
    if value is None and not required:
        return None
    if type(value) is not kind:
        raise _wrong(name, words)
    return value


def _wrong(name: str, words: str) -> Unprocessable:
    return Unprocessable(f"{name} must be {words}.", details={"field": name})


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole part came.") from error


def _content_length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
