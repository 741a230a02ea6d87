"""``/api/catalog`` and ``/api/models/bundles``: what can be had, and having it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.catalog import Catalog
from studio.services.catalog_entries import Entry
from studio.services.catalog_search import CatalogSearch
from studio.services.installs import ABSENT, DAMAGED, DIFFERENT, PRESENT, InstallService
from studio.web import model_schemas as schemas
from studio.web.caller import caller, json_body, one_of, whole_number
from studio.web.model_bodies import bundle_body, entry_body
from studio.web.respond import json_response

MAX_PAGE = 500
_MISSING = "missing"
_STATES = (PRESENT, DIFFERENT, DAMAGED, ABSENT, _MISSING)
_SORTS = ("name", "size")


def catalog_routes(*, catalog: Catalog, installs: InstallService) -> APIRouter:
    """Reading needs the scope ``graphs:run``, changing and installing ``models:write``."""
    router = APIRouter(prefix="/api", tags=["Models"])
    families = catalog.families

    @router.get("/catalog", summary="Models that can be had", **schemas.CATALOG)
    async def list_catalog(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        query = request.query_params
        state = one_of(query.get("state"), "state", _STATES, "")
        sort = one_of(query.get("sort"), "sort", _SORTS, "name")
        search = CatalogSearch(query.get("q", ""), families)
        listed_all = catalog.all()
        if sort == "size":
            # The largest first; what has no known size is the last.
            listed_all.sort(key=lambda listed: -(listed.entry.size_bytes or 0))
        else:
            # Names decide among what fits as well.
            listed_all.sort(key=lambda listed: search.rank(listed.entry))
        inventory = await installs.inventory()
        in_state = [
            listed for listed in listed_all if _is_in(state, inventory.presence(listed.entry).state)
        ]
        found = [
            entry_body(listed, inventory, families)
            for listed in in_state
            if search.fits(listed.entry)
            and _is_for(catalog, listed.entry, query.get("family", ""))
            and query.get("folder", "") in ("", listed.entry.folder)
        ]
        known = (families.find(listed.entry.family) for listed in in_state)
        start = whole_number(query.get("start"), "start", 0, 1_000_000, default=0)
        limit = whole_number(query.get("limit"), "limit", 1, MAX_PAGE, default=100)
        return json_response(
            {
                "items": found[start : start + limit],
                "total": len(found),
                "families": sorted({family.id for family in known if family}),
                "faults": catalog.faults,
            }
        )

    @router.get("/catalog/families", summary="Base models, each once", **schemas.FAMILIES)
    async def list_families(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        items = [
            {"id": each.id, "name": each.name, "architecture": each.architecture}
            for each in families
        ]
        return json_response({"items": items})

    @router.get("/catalog/export", summary="The catalogs as one file", **schemas.EXPORT)
    async def export(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response(catalog.export(own=request.query_params.get("own") == "1"))

    @router.post("/catalog/import", summary="Take entries over, all or none", **schemas.IMPORT)
    async def import_entries(request: Request) -> Response:
        caller(request, Scope.MODELS_WRITE)
        return json_response({"imported": await catalog.take(await json_body(request))})

    @router.get("/catalog/{entry_id}", summary="One entry", **schemas.GET_ENTRY)
    async def get_entry(request: Request, entry_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        listed = catalog.get(entry_id)
        return json_response(entry_body(listed, await installs.inventory(), families))

    @router.put("/catalog/{entry_id}", summary="Add or change an entry", **schemas.PUT_ENTRY)
    async def put_entry(request: Request, entry_id: str) -> Response:
        caller(request, Scope.MODELS_WRITE)
        listed = await catalog.put({**await json_body(request), "id": entry_id})
        return json_response(entry_body(listed, await installs.inventory(), families))

    @router.delete("/catalog/{entry_id}", summary="Take an entry out", **schemas.DELETE_ENTRY)
    async def delete_entry(request: Request, entry_id: str) -> Response:
        caller(request, Scope.MODELS_WRITE)
        await catalog.remove(entry_id)
        return Response(status_code=204)

    @router.post(
        "/catalog/{entry_id}/reset",
        summary="Forget what was changed of a shipped entry",
        **schemas.GET_ENTRY,
    )
    async def reset_entry(request: Request, entry_id: str) -> Response:
        caller(request, Scope.MODELS_WRITE)
        listed = await catalog.reset(entry_id)
        return json_response(entry_body(listed, await installs.inventory(), families))

    @router.post("/catalog/{entry_id}/install", summary="Fetch an entry's file", **schemas.INSTALL)
    async def install_entry(request: Request, entry_id: str) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        downloads = await installs.entry(identity, entry_id)
        return json_response({"downloads": [each.id for each in downloads]}, 202)

    @router.get(
        "/models/bundles", summary="Everything that one kind of workflow needs", **schemas.BUNDLES
    )
    async def list_bundles(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        inventory = await installs.inventory()
        items = [bundle_body(*catalog.bundle(each.id), inventory) for each in catalog.bundles]
        return json_response({"items": items, "total": len(items)})

    @router.post(
        "/models/bundles/{bundle_id}/install",
        summary="Fetch what is missing of a bundle",
        **schemas.INSTALL_BUNDLE,
    )
    async def install_bundle(request: Request, bundle_id: str) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        _, downloads = await installs.bundle(identity, bundle_id)
        return json_response({"downloads": [each.id for each in downloads]}, 202)

    return router


def _is_in(wanted: str, state: str) -> bool:
    return state != PRESENT if wanted == _MISSING else wanted in ("", state)


def _is_for(catalog: Catalog, entry: Entry, family: str) -> bool:
    """Whether an entry is of a base model, or works with it."""
    return family in ("", entry.family) or bool(catalog.families.compatible(family, entry.family))
