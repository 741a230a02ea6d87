"""Comfy API v2's assets, and thumbnails beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import (
    BlobNotFound,
    InvalidRequest,
    PayloadTooLarge,
    Unprocessable,
)
from studio.models import Asset, Identity, Scope
from studio.services.assets import AssetService
from studio.services.thumbnails import SIDES, Size, Thumbnails
from studio.services.upload_fields import UploadFields, check_path
from studio.web import asset_schemas as schemas
from studio.web.caller import caller, one_of
from studio.web.content import file_response
from studio.web.multipart import FormReader, Part

T = TypeVar("T")

_FORM_OVERHEAD_BYTES: Final = 2 * 1024 * 1024
_MAX_JSON_BYTES: Final = 64 * 1024


class Links(Protocol):
    """Makes the short-lived addresses of bytes."""

    def content_url(self, request: Request, asset_id: str) -> tuple[str, int]:
        """An absolute URL of the asset's bytes, and when it ends (milliseconds)."""


def asset_body(
    asset: Asset, url: str, url_expires_at: int, created_new: bool | None = None
) -> dict[str, Any]:
    """An asset in v2's shape; ``url_expires_at`` is in milliseconds."""
    body: dict[str, Any] = {
        "id": asset.id,
        "hash": asset.hash,
        "size_bytes": asset.size_bytes,
        "content_type": asset.content_type,
        "file_path": asset.file_path,
        "created_at": iso(asset.created_at),
        "url": url,
        "url_expires_at": iso(url_expires_at),
        "expires_at": iso_or_none(asset.expires_at),
    }
    if asset.job_id is not None:
        body["job_id"] = asset.job_id
    if created_new is not None:
        body["created_new"] = created_new
    return body


def asset_routes(service: AssetService, links: Links) -> APIRouter:
    """The routes under ``/api/v2/assets``; each needs the scope ``assets``."""
    router = APIRouter(prefix="/api/v2/assets", tags=["assets"])

    def render(request: Request, asset: Asset, created_new: bool | None = None) -> Response:
        url, url_expires_at = links.content_url(request, asset.id)
        body = asset_body(asset, url, url_expires_at, created_new)
        return Response(
            orjson.dumps(body),
            status_code=201 if created_new else 200,
            media_type="application/json",
        )

    @router.post("", operation_id="postAssets", **schemas.POST_ASSETS)
    async def post_assets(request: Request) -> Response:
        """Upload a file in one request; it is hashed and stored while it arrives."""
        identity = caller(request, Scope.ASSETS)
        upload = _Upload(service, identity, request)
        return render(request, *await _unless_hung_up(upload.receive))

    @router.post("/from-hash", operation_id="assetFromHash", **schemas.FROM_HASH)
    async def from_hash(request: Request) -> Response:
        """A new asset over bytes that you have uploaded or made before."""
        identity = caller(request, Scope.ASSETS)
        body = await _unless_hung_up(lambda: _read_json(request))
        asset, created = await service.from_hash(
            identity,
            _field(body, "hash", str, required=True),
            file_path=_field(body, "file_path", str),
            tags=_tags(body.get("tags")),
            expires_in=_field(body, "expires_in", int),
        )
        url, url_expires_at = links.content_url(request, asset.id)
        return Response(
            orjson.dumps(asset_body(asset, url, url_expires_at, False)),
            status_code=201 if created else 200,
            media_type="application/json",
        )

    @router.head("/by-hash/{hash}", operation_id="headAssetByHash", **schemas.BY_HASH)
    async def head_by_hash(request: Request) -> Response:
        """Whether ``from-hash`` would find these bytes among yours."""
        if not await service.exists(caller(request, Scope.ASSETS), request.path_params["hash"]):
            raise BlobNotFound("There are no bytes with that hash.")
        return Response(status_code=200)

    @router.get("/{id}", operation_id="getAsset", **schemas.GET_ASSET)
    async def get_asset(request: Request) -> Response:
        """One asset, with a fresh link to its bytes."""
        asset = await service.get(caller(request, Scope.ASSETS), request.path_params["id"])
        return render(request, asset)

    @router.delete("/{id}", operation_id="deleteAsset", **schemas.DELETE_ASSET)
    async def delete_asset(request: Request) -> Response:
        """Delete the record; the bytes go when no other asset has them."""
        await service.delete(caller(request, Scope.ASSETS), request.path_params["id"])
        return Response(status_code=204)

    @router.head("/{id}/content", include_in_schema=False)
    @router.get("/{id}/content", operation_id="getAssetContent", **schemas.GET_CONTENT)
    async def get_content(request: Request) -> Response:
        """The bytes; one range of them if you ask for it."""
        identity = caller(request, Scope.ASSETS)
        asset, path = await service.open_content(identity, request.path_params["id"])
        return file_response(
            path,
            content_type=asset.content_type,
            file_name=asset.file_path,
            etag=asset.hash,
            request_headers=request.headers,
        )

    return router


def thumbnail_routes(service: AssetService, thumbnails: Thumbnails) -> APIRouter:
    """Small pictures of assets under ``/api/assets``; each needs the scope ``assets``."""
    router = APIRouter(prefix="/api/assets", tags=["assets"])

    async def answer(request: Request, make: Callable[[Asset, Size], Awaitable[Path]]) -> Response:
        identity = caller(request, Scope.ASSETS)
        size = one_of(request.query_params.get("size"), "size", SIDES, "large")
        asset, _ = await service.open_content(identity, request.path_params["id"])
        return file_response(
            await make(asset, size),
            content_type="image/webp",
            file_name=f"{asset.id}.webp",
            etag=f"{asset.hash}-{SIDES[size]}",
            request_headers=request.headers,
        )

    @router.get("/{id}/thumbnail", operation_id="getAssetThumbnail", **schemas.GET_THUMBNAIL)
    async def get_thumbnail(request: Request) -> Response:
        """A WebP picture of an image, upright; 404 if the asset is none."""
        return await answer(request, thumbnails.get)

    @router.get("/{id}/poster", operation_id="getAssetPoster", **schemas.GET_POSTER)
    async def get_poster(request: Request) -> Response:
        """A WebP picture from near the beginning of a video; 404 if the asset is none."""
        return await answer(request, thumbnails.poster)

    return router


class _Upload:
    """One multipart upload: fields may come before or after the file."""

    def __init__(self, service: AssetService, identity: Identity, request: Request) -> None:
        self._service = service
        self._identity = identity
        self._request = request
        self._texts: dict[str, str] = {}
        self._tags: list[str] = []
        self._length = _content_length(request)
        if self._length is not None and self._length > self._max_body_bytes:
            raise PayloadTooLarge(f"The file is larger than {service.max_upload_bytes} bytes.")
        reader = FormReader(self._limited(), request.headers.get("content-type"))
        self._parts = reader.parts()

    async def receive(self) -> tuple[Asset, bool]:
        """Store the file.

        Raises:
            What ``AssetService.upload`` raises, and InvalidRequest for a malformed form.
        """
        file = await self._read_until_file()
        if file is None:
            raise _missing_field("file")
        if (file_path := self._texts.get("file_path")) is not None:
            check_path(self._identity, file_path, has_bytes=True)
        return await self._service.receive(
            self._identity,
            self._file_then_fields(file),
            self._fields,
            idempotency_key=self._request.headers.get("idempotency-key"),
            size_hint=self._length,
        )

    @property
    def _max_body_bytes(self) -> int:
        return self._service.max_upload_bytes + _FORM_OVERHEAD_BYTES

    async def _limited(self) -> AsyncIterator[bytes]:
        """The body, as long as its length is within bounds."""
        left = self._max_body_bytes
        async for chunk in self._request.stream():
            left -= len(chunk)
            if left < 0:
                raise PayloadTooLarge(
                    f"The file is larger than {self._service.max_upload_bytes} bytes."
                )
            if chunk:
                yield chunk

    async def _read_until_file(self) -> Part | None:
        async for part in self._parts:
            if part.name == "file":
                return part
            if part.name == "tags":
                self._tags.append(await part.text())
            elif part.name in schemas.UPLOAD_FIELDS:
                if part.name in self._texts:
                    raise Unprocessable(f"The field {part.name} was sent twice.")
                self._texts[part.name] = await part.text()
        return None

    async def _file_then_fields(self, file: Part) -> AsyncIterator[bytes]:
        async for chunk in file.chunks():
            yield chunk
        if await self._read_until_file() is not None:
            raise Unprocessable("Only one file can be uploaded in one request.")

    def _fields(self) -> UploadFields:
        for name in ("content_type", "file_path"):
            if name not in self._texts:
                raise _missing_field(name)
        return UploadFields(
            file_path=self._texts["file_path"],
            declared_type=self._texts["content_type"],
            expected_hash=self._texts.get("expected_hash"),
            tags=tuple(self._tags),
            expires_in=_whole_number(self._texts.get("expires_in")),
        )


async def _unless_hung_up(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole request came.") from error


def _content_length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def _read_json(request: Request) -> dict[str, Any]:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MAX_JSON_BYTES:
            raise PayloadTooLarge("The request is too long.")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return body


def _field(body: dict[str, Any], name: str, kind: type, *, required: bool = False) -> Any:
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unprocessable(f"{name} is missing or of the wrong type.", details={"field": name})
    return value


def _tags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise Unprocessable("tags must be a list of texts.", details={"field": "tags"})
    return tuple(value)


def _whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unprocessable(
            "expires_in must be a whole number of seconds.", details={"field": "expires_in"}
        )
    return int(text)


def _missing_field(name: str) -> Unprocessable:
    return Unprocessable(f"The field {name} is missing.", details={"field": name})
