"""``/api/civitai``: looking at Civitai's models and pictures, and taking what is needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import InvalidRequest
from studio.models import Scope
from studio.services.civitai_models import CivitaiFile, CivitaiVersion
from studio.services.civitai_pictures import CivitaiPicture
from studio.services.civitai_tools import CivitaiTools, Offered, SeenModel, SeenPicture, Used
from studio.store.model_files import ModelFile
from studio.web import civitai_schemas as schemas
from studio.web.caller import caller, whole_number
from studio.web.respond import json_response

MAX_PAGE = 100
_MAX_ID = 2**53
_MAX_CURSOR = 500
_MAX_URL = 2000
_MAX_TITLE = 200


def civitai_routes(tools: CivitaiTools, base_url: str) -> APIRouter:
    """Looking needs the scope ``graphs:run``, taking a picture as an input ``assets`` as well."""
    router = APIRouter(prefix="/api/civitai", tags=["Models"])

    @router.get("/look", summary="What an address at Civitai leads to", **schemas.LOOK)
    async def look(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        url = request.query_params.get("url", "")
        if not 0 < len(url) <= _MAX_URL:
            raise InvalidRequest("url must be the address of a model or a picture at Civitai.")
        found = await tools.look(url)
        if isinstance(found, SeenModel):
            return json_response({"model": _model(found, base_url), "picture": None})
        return json_response({"model": None, "picture": _seen(found, base_url)})

    @router.get(
        "/versions/{version_id}/pictures",
        summary="What people made with a version",
        **schemas.PICTURES,
    )
    async def pictures(request: Request, version_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        query = request.query_params
        cursor = query.get("cursor")
        if cursor is not None and len(cursor) > _MAX_CURSOR:
            raise InvalidRequest("cursor must be the next_cursor of a page.")
        items, after = await tools.pictures(
            whole_number(version_id, "version_id", 1, _MAX_ID),
            cursor=cursor,
            limit=whole_number(query.get("limit"), "limit", 1, MAX_PAGE, default=24),
            nsfw=query.get("nsfw") == "1",
        )
        return json_response(
            {"items": [_picture(item, base_url) for item in items], "next_cursor": after}
        )

    @router.post(
        "/pictures/{picture_id}/input", summary="Take a picture as an input", **schemas.INPUT
    )
    async def use_as_input(request: Request, picture_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        identity = caller(request, Scope.ASSETS)
        asset = await tools.use_as_input(
            identity, whole_number(picture_id, "picture_id", 1, _MAX_ID)
        )
        fields = ("id", "content_type", "size_bytes", "file_path")
        return json_response({name: getattr(asset, name) for name in fields}, 201)

    return router


def _model(seen: SeenModel, base_url: str) -> dict[str, Any]:
    model = seen.model
    return {
        "id": model.id,
        "name": model.name,
        "type": model.type,
        "description": model.description,
        "creator": model.creator,
        "license": model.license,
        "nsfw": model.nsfw,
        "tags": model.tags,
        "page": f"{base_url}/models/{model.id}",
        "chosen": seen.chosen,
        "versions": [
            {
                "id": version.id,
                "name": version.name,
                "base_model": version.base_model,
                "trained_words": version.trained_words,
                "description": version.description,
                "early_access_until": version.early_access_until,
                "downloadable": version.downloadable,
                "files": [
                    _file(version, offered, model.license, base_url)
                    for offered in seen.files[version.id]
                ],
            }
            for version in model.versions
        ],
    }


def _file(
    version: CivitaiVersion, offered: Offered, license_: str | None, base_url: str
) -> dict[str, Any]:
    return {
        **asdict(offered.file),
        "here": _here(offered.here),
        "install": None if offered.here is not None else _install(version, offered.file),
        "entry": _entry(version, offered.file, license_, base_url),
    }


def _install(version: CivitaiVersion, file: CivitaiFile) -> dict[str, Any] | None:
    """The body for ``POST /api/downloads``; without a folder when somebody has to choose one."""
    if not version.downloadable:
        return None
    wish = {"reference": f"civitai:{version.id}/{file.id}", "name": file.name}
    return {**wish, **({"folder": file.folder} if file.folder else {}), "sha256": file.sha256}


def _entry(
    version: CivitaiVersion, file: CivitaiFile, license_: str | None, base_url: str
) -> dict[str, Any] | None:
    """The body for ``PUT /api/catalog/{id}``, ``None`` when somebody has to choose a folder."""
    if file.folder is None:
        return None
    page = f"{base_url}/models/{version.model_id}?modelVersionId={version.id}"
    return {
        "id": f"civitai-{version.id}-{file.id}",
        "name": f"{version.model_name} {version.name}".strip()[:_MAX_TITLE] or file.name,
        "folder": file.folder,
        "file": file.name,
        "reference": f"civitai:{version.id}/{file.id}",
        "family": version.base_model,
        "sha256": file.sha256,
        "license": license_,
        # A catalog names pages that everybody can open.
        "page": page if page.startswith("https://") else None,
        "gated": version.early_access_until is not None or None,
        "trigger_words": version.trained_words,
    }


def _picture(picture: CivitaiPicture, base_url: str) -> dict[str, Any]:
    return {
        "id": picture.id,
        "page": f"{base_url}/images/{picture.id}",
        "kind": picture.kind,
        "width": picture.width,
        "height": picture.height,
        "nsfw": picture.nsfw,
        "creator": picture.creator,
        "base_model": picture.base_model,
        "recipe": None if picture.recipe is None else asdict(picture.recipe),
    }


def _seen(seen: SeenPicture, base_url: str) -> dict[str, Any]:
    return {**_picture(seen.picture, base_url), "used": [_used(used) for used in seen.used]}


def _used(used: Used) -> dict[str, Any]:
    version, file = used.version, used.file
    return {
        "kind": used.resource.kind,
        "name": used.resource.name or (file.name if file is not None else ""),
        "weight": used.resource.weight,
        "state": "missing" if used.here is None else "present",
        "match": used.match,
        "here": _here(used.here),
        "title": None if version is None else f"{version.model_name} {version.name}".strip(),
        "trained_words": () if version is None else version.trained_words,
        "install": None
        if version is None or file is None or used.here is not None
        else _install(version, file),
    }


def _here(file: ModelFile | None) -> dict[str, Any] | None:
    return None if file is None else {"id": file.id, "folder": file.folder, "name": file.name}
