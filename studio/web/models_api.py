"""``/api/models``: the model files that are there, what a workflow lacks, the disks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import InvalidRequest, Unprocessable
from studio.models import Scope
from studio.services.disk import DiskService
from studio.services.families import Families
from studio.services.jobs import JobService
from studio.services.known_models import KnownModels
from studio.services.model_actions import ModelActions
from studio.services.model_cache import ModelCache
from studio.services.model_files import ModelFiles
from studio.services.model_needs import MAX_MODELS, ModelNeeds
from studio.services.model_origins import ModelOrigins
from studio.store.model_files import SORTS, STATES, ModelFile, ModelFilter
from studio.web import model_schemas as schemas
from studio.web.caller import caller, json_body, one_of, optional_text, whole_number
from studio.web.model_bodies import dependents_body, file_body, needs_body
from studio.web.respond import json_response

MAX_PAGE: Final = 500
_MAX_START: Final = 1_000_000
_MAX_TEXT: Final = 500
_NEEDED: Final = ("file", "class", "input")
_KNOWN: Final = {"directory": str, "url": str, "sha256": str, "size": int}
"""What a manifest may say of a model beyond that."""
_SHA256: Final = re.compile("[0-9a-fA-F]{64}")


def model_routes(
    *,
    files: ModelFiles,
    actions: ModelActions,
    known: KnownModels,
    families: Families,
    origins: ModelOrigins,
    needs: ModelNeeds,
    disk: DiskService,
    cache: ModelCache,
    jobs: JobService,
) -> APIRouter:
    """Reading needs the scope ``graphs:run``, changing ``models:write``."""
    router = APIRouter(prefix="/api/models", tags=["Models"])

    @router.post("/missing", summary="What a workflow lacks", **schemas.MISSING)
    async def missing(request: Request) -> Response:
        identity = caller(request, Scope.GRAPHS_RUN)
        body = await json_body(request)
        search = body.get("search") is True
        workflow_id, job_id = optional_text(body, "workflow_id"), optional_text(body, "job_id")
        if [workflow_id, job_id, body.get("graph"), body.get("models")].count(None) != 3:
            raise InvalidRequest("Say one of graph, workflow_id, job_id and models.")
        if workflow_id is not None:
            found = await needs.of_workflow(identity, workflow_id, search=search)
        elif body.get("models") is not None:
            listed = _listed_models(body["models"])
            found = await needs.of_list(identity, listed, search=search)
        else:
            graph = await jobs.graph(identity, job_id) if job_id else body["graph"]
            found = await needs.of_graph(identity, graph, search=search)
        return json_response(needs_body(found))

    @router.get("/disk", summary="What uses how much, and what can go", **schemas.DISK)
    async def get_disk(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response(await disk.look())

    @router.delete("/cache", summary="Empty the cache of models", **schemas.EMPTY_CACHE)
    async def empty_cache(request: Request) -> Response:
        caller(request, Scope.MODELS_WRITE)
        freed = await cache.clear()
        disk.forget()
        return json_response({"freed_bytes": freed})

    # Last, because any word may be a file's id.
    add_file_routes(
        router, files=files, actions=actions, known=known, families=families, origins=origins
    )
    return router


def file_routes(
    *,
    files: ModelFiles,
    actions: ModelActions,
    known: KnownModels,
    families: Families,
    origins: ModelOrigins,
) -> APIRouter:
    """The routes that need no engine."""
    router = APIRouter(prefix="/api/models", tags=["Models"])
    add_file_routes(
        router, files=files, actions=actions, known=known, families=families, origins=origins
    )
    return router


def add_file_routes(
    router: APIRouter,
    *,
    files: ModelFiles,
    actions: ModelActions,
    known: KnownModels,
    families: Families,
    origins: ModelOrigins,
) -> None:
    """What concerns files alone."""

    def body(file: ModelFile) -> dict[str, Any]:
        return file_body(file, families, known.of(file), writable=actions.is_writable(file))

    async def detail(file: ModelFile) -> dict[str, Any]:
        origin = await origins.of(file)
        return body(file) | {
            "needed_by": dependents_body(await actions.dependents(file)),
            "origin": None if origin is None else asdict(origin),
        }

    @router.get("", summary="The model files that are there", **schemas.LIST)
    async def list_models(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        found, total = await known.page(model_filter(request.query_params))
        return json_response({"items": [body(file) for file in found], "total": total})

    @router.get("/facets", summary="What they can be narrowed by", **schemas.FACETS)
    async def facets(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        found = await known.facets()
        return json_response(
            {
                name: [{"value": value, "count": count} for value, count in values]
                for name, values in found.items()
            }
        )

    @router.get("/folders", summary="Where a model can be put", **schemas.FOLDERS)
    async def folders(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response({"items": await known.folders()})

    @router.post("/scan", summary="Look at the folders now", **schemas.SCAN)
    async def scan(request: Request) -> Response:
        caller(request, Scope.MODELS_WRITE)
        return json_response(asdict(await files.scan()))

    @router.post("/verify", summary="Hash files again, in the background", **schemas.VERIFY)
    async def verify(request: Request) -> Response:
        caller(request, Scope.MODELS_WRITE)
        ids = (await json_body(request)).get("ids")
        if ids is not None and not (
            isinstance(ids, list) and all(isinstance(one, str) for one in ids)
        ):
            raise Unprocessable("ids is a list of ids.", details={"field": "ids"})
        await files.verify(ids)
        return json_response({"waiting": files.waiting}, 202)

    @router.get("/verify", summary="How many files wait to be hashed", **schemas.VERIFYING)
    async def verifying(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response({"waiting": files.waiting})

    @router.get("/{model_id}", summary="One file, and who needs it", **schemas.GET)
    async def get_model(request: Request, model_id: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        return json_response(await detail(await files.get(model_id)))

    @router.patch(
        "/{model_id}", summary="Notes, a star, what somebody knows better", **schemas.PATCH
    )
    async def change_model(request: Request, model_id: str) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        wanted = await json_body(request)
        return json_response(await detail(await actions.change(identity, model_id, wanted)))

    @router.post(
        "/{model_id}/move",
        summary="Bring a file to where it belongs, or to another folder",
        **schemas.MOVE,
    )
    async def move_model(request: Request, model_id: str) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        folder = optional_text(await json_body(request), "folder", 64)
        return json_response(await detail(await actions.move(identity, model_id, folder)))

    @router.delete("/{model_id}", summary="Delete a file for good", **schemas.DELETE)
    async def delete_model(request: Request, model_id: str) -> Response:
        identity = caller(request, Scope.MODELS_WRITE)
        force = request.query_params.get("force") == "1"
        await actions.delete(identity, model_id, force=force)
        return Response(status_code=204)


def _listed_models(listed: object) -> list[dict[str, Any]]:
    """A list of models as a manifest has it.

    Raises:
        Unprocessable: it is none.
    """
    if not isinstance(listed, list) or len(listed) > MAX_MODELS:
        raise Unprocessable(
            f"models is a list of at most {MAX_MODELS} models.", details={"field": "models"}
        )
    for model in listed:
        if not isinstance(model, dict) or not all(
            isinstance(model.get(name), str) for name in _NEEDED
        ):
            raise Unprocessable(
                "Each of models names its file, class and input.", details={"field": "models"}
            )
        for name, kind in _KNOWN.items():
            if model.get(name) is not None and type(model[name]) is not kind:
                raise Unprocessable(f"{name} is of the wrong type.", details={"field": "models"})
        if model.get("sha256") is not None and not _SHA256.fullmatch(model["sha256"]):
            raise Unprocessable("sha256 is 64 hex digits.", details={"field": "models"})
    return listed


def model_filter(query: Mapping[str, str]) -> ModelFilter:
    """The filter that a query describes.

    Raises:
        InvalidRequest: a value is none of those that there are.
    """
    sort = one_of(query.get("sort"), "sort", SORTS, "name")
    state = one_of(query.get("state"), "state", STATES, "")
    return ModelFilter(
        text=query.get("q", "")[:_MAX_TEXT],
        folder=query.get("folder", "")[:_MAX_TEXT],
        family=query.get("family", "")[:_MAX_TEXT],
        kind=query.get("kind", "")[:_MAX_TEXT],
        state=state,
        sort=sort,
        start=whole_number(query.get("start"), "start", 0, _MAX_START, default=0),
        limit=whole_number(query.get("limit"), "limit", 1, MAX_PAGE, default=100),
    )
