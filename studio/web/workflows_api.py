"""``/api/workflows``: what can be run, its versions, and runs of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import Unprocessable
from studio.graphs.manifests.wizard import slug
from studio.models import Identity, Scope
from studio.services.workflow_folders import WorkflowFolders
from studio.services.workflow_imports import Inspection, WorkflowImports, exported, imported
from studio.services.workflow_library import MAX_COMMENT, Draft, WorkflowLibrary
from studio.services.workflows import Order, WorkflowService
from studio.store.workflow_rows import Workflow
from studio.web import workflow_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, optional_text
from studio.web.job_bodies import studio_body
from studio.web.job_webhooks import FIELDS as WEBHOOK_FIELDS
from studio.web.job_webhooks import job_webhook
from studio.web.links import Links
from studio.web.respond import json_response
from studio.web.v2_jobs_api import idempotency_key, integer
from studio.web.workflow_bodies import inspection_body, version_body, workflow_body
from studio.web.workflow_files import brought_files

MAX_TITLE: Final = 200
_MAX_NUMBER: Final = 1 << 31
_RUN_FIELDS: Final = frozenset({"values", "version", "title", "priority", "count", *WEBHOOK_FIELDS})


def workflow_routes(
    *,
    library: WorkflowLibrary,
    workflows: WorkflowService,
    imports: WorkflowImports,
    folders: WorkflowFolders,
    links: Links,
) -> APIRouter:
    """The routes under ``/api/workflows``: looking and running need ``jobs`` alone."""
    router = APIRouter(prefix="/api/workflows", tags=["Workflows"])

    async def whole(identity: Identity, workflow: Workflow) -> dict[str, Any]:
        covers = await library.covers(identity, workflow.id)
        body = {
            **workflow_body(workflow, library.readiness(workflow), covers.get(workflow.id)),
            "manifest": workflow.version.manifest,
            "versions_count": workflow.versions_count,
            "form": library.form(workflow),
        }
        if Scope.GRAPHS_RUN in identity.scopes:
            body["graph"] = workflow.version.graph
        return body

    async def brought(request: Request) -> Inspection:
        """What the request's file holds, or that of an asset which it names."""
        asset_id = request.query_params.get("asset")
        if asset_id is not None:
            return await imports.inspect_asset(caller(request, Scope.ASSETS), asset_id)
        return await imports.inspect(await brought_files(request))

    @router.get("", summary="Workflows that you may run", **schemas.LIST)
    async def list_workflows(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        query = request.query_params
        found = await library.page(
            identity,
            text=query.get("q", "")[:500],
            category=query.get("category", ""),
            trashed=query.get("trashed") == "1",
            cursor=query.get("cursor", ""),
            limit=integer(query.get("limit"), "limit", 100, 1, 500) or 100,
        )
        covers = await library.covers(identity)
        return json_response(
            {
                "items": [
                    workflow_body(workflow, readiness, covers.get(workflow.id))
                    for workflow, readiness in found.items
                ],
                "total": found.total,
                "next_cursor": found.next_cursor,
                "faults": folders.faults if identity.sees_all else [],
            }
        )

    @router.post("", summary="Store a workflow", **schemas.CREATE)
    async def create(request: Request) -> Response:
        identity = _editor(request)
        body = known_fields(
            await json_body(request), frozenset({"manifest", "graph", "comment", "shared"})
        )
        shared = _flag(body, "shared", default=False)
        graph, manifest = body.get("graph"), body.get("manifest")
        if manifest is None:
            found = await imports.inspect_graph(graph)
            manifest, graph = found.proposal, found.graph
        else:
            graph = await imports.converted(graph)
        workflow = await library.create(identity, Draft(manifest, graph, _comment(body), shared))
        return json_response(await whole(identity, workflow), 201)

    @router.post("/check", summary="What a workflow would be", **schemas.CHECK)
    async def check(request: Request) -> Response:
        _editor(request)
        body = known_fields(await json_body(request), frozenset({"manifest", "graph"}))
        found = await library.preview(body.get("manifest"), body.get("graph"))
        return json_response(asdict(found))

    @router.post("/inspect", summary="What a file holds", **schemas.INSPECT)
    async def inspect(request: Request) -> Response:
        _editor(request)
        return json_response(inspection_body(await brought(request)))

    @router.post("/import", summary="Store what a file holds", **schemas.IMPORT)
    async def import_workflow(request: Request) -> Response:
        identity = _editor(request)
        draft = imported(await brought(request))
        return json_response(await whole(identity, await library.create(identity, draft)), 201)

    @router.get("/{workflow_id}", summary="One workflow, with its form", **schemas.GET)
    async def get_workflow(request: Request, workflow_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        number = integer(request.query_params.get("version"), "version", None, 1, _MAX_NUMBER)
        return json_response(
            await whole(identity, await library.get(identity, workflow_id, number))
        )

    @router.put("/{workflow_id}", summary="Save a new version", **schemas.SAVE)
    async def save(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        body = known_fields(
            await json_body(request), frozenset({"manifest", "graph", "comment", "base_version"})
        )
        base = _whole(body, "base_version", 1, _MAX_NUMBER)
        if base is None:
            raise Unprocessable(
                "base_version must say which version you changed.",
                details={"field": "base_version"},
            )
        graph = await imports.converted(body.get("graph"))
        draft = Draft(body.get("manifest"), graph, _comment(body))
        workflow = await library.save(identity, workflow_id, draft, base=base)
        return json_response(await whole(identity, workflow))

    @router.patch("/{workflow_id}", summary="Share it, or no longer", **schemas.SHARE)
    async def share(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        body = known_fields(await json_body(request), frozenset({"shared"}))
        shared = _flag(body, "shared", default=None)
        return json_response(
            await whole(identity, await library.share(identity, workflow_id, shared=shared))
        )

    @router.delete("/{workflow_id}", summary="Into the trash", status_code=204, **schemas.DELETE)
    async def trash(request: Request, workflow_id: str) -> Response:
        await library.trash(_editor(request), workflow_id)
        return Response(status_code=204)

    @router.post(
        "/{workflow_id}/restore-from-trash", summary="Out of the trash", **schemas.TAKE_BACK
    )
    async def take_back(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        return json_response(await whole(identity, await library.take_back(identity, workflow_id)))

    @router.get("/{workflow_id}/versions", summary="Its versions", **schemas.VERSIONS)
    async def versions(request: Request, workflow_id: str) -> Response:
        found = await library.versions(caller(request, Scope.JOBS), workflow_id)
        items = [version_body(version) for version in found]
        return json_response({"items": items, "total": len(items)})

    @router.get("/{workflow_id}/versions/{number}", summary="One version", **schemas.VERSION)
    async def version(request: Request, workflow_id: str, number: str) -> Response:
        identity = caller(request, Scope.JOBS)
        found = (await library.get(identity, workflow_id, _number(number))).version
        body = {**version_body(found), "manifest": found.manifest}
        if Scope.GRAPHS_RUN in identity.scopes:
            body["graph"] = found.graph
        return json_response(body)

    @router.get("/{workflow_id}/diff", summary="What changed between two versions", **schemas.DIFF)
    async def diff(request: Request, workflow_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        before, after = (_number(request.query_params.get(name, "")) for name in ("from", "to"))
        return json_response(await library.compare(identity, workflow_id, before, after))

    @router.post(
        "/{workflow_id}/versions/{number}/restore",
        summary="Make an earlier version the newest",
        **schemas.RESTORE,
    )
    async def restore(request: Request, workflow_id: str, number: str) -> Response:
        identity = _editor(request)
        body = known_fields(await json_body(request), frozenset({"comment"}))
        workflow = await library.restore(identity, workflow_id, _number(number), _comment(body))
        return json_response(await whole(identity, workflow))

    @router.post("/{workflow_id}/copy", summary="One of your own like it", **schemas.COPY)
    async def copy(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        body = known_fields(await json_body(request), frozenset({"name"}))
        name = optional_text(body, "name", 120) or ""
        return json_response(
            await whole(identity, await library.copy(identity, workflow_id, name)), 201
        )

    @router.get("/{workflow_id}/export", summary="One file of it", **schemas.EXPORT)
    async def export(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        found = (await library.get(identity, workflow_id)).version
        response = json_response(exported(found.manifest, found.graph))
        name = f"{slug(found.manifest['name'])}.studio-workflow.json"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    @router.get(
        "/{workflow_id}/readiness", summary="What is missing to run it", **schemas.READINESS
    )
    async def get_readiness(request: Request, workflow_id: str) -> Response:
        workflow = await library.get(caller(request, Scope.JOBS), workflow_id)
        return json_response(asdict(library.readiness(workflow)))

    @router.post("/{workflow_id}/run", summary="Run it", **schemas.RUN)
    async def run(request: Request, workflow_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        order = _order(await json_body(request), idempotency_key(request))
        views = await workflows.run(identity, workflow_id, order)
        return json_response({"jobs": [studio_body(view, request, links) for view in views]}, 201)

    @router.post("/{workflow_id}/compile", summary="The graph it would run", **schemas.COMPILE)
    async def compile_workflow(request: Request, workflow_id: str) -> Response:
        identity = _editor(request)
        body = known_fields(await json_body(request), frozenset({"values", "version"}))
        compiled = await workflows.compile(
            identity, workflow_id, _values(body), _whole(body, "version", 1, _MAX_NUMBER)
        )
        return json_response(
            {"graph": compiled.graph, "values": compiled.values, "version": compiled.version}
        )

    return router


def _editor(request: Request) -> Identity:
    """The caller, who may bring graphs."""
    caller(request, Scope.JOBS)
    return caller(request, Scope.GRAPHS_RUN)


def _order(body: dict[str, Any], key: str | None) -> Order:
    known_fields(body, _RUN_FIELDS)
    return Order(
        values=_values(body),
        version=_whole(body, "version", 1, _MAX_NUMBER),
        title=optional_text(body, "title", MAX_TITLE) or "",
        priority=_whole(body, "priority", -_MAX_NUMBER, _MAX_NUMBER) or 0,
        count=1 if body.get("count") is None else _whole(body, "count", 0, _MAX_NUMBER) or 0,
        idempotency_key=key,
        webhook=job_webhook(body),
    )


def _values(body: dict[str, Any]) -> dict[str, Any]:
    values = body.get("values")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise Unprocessable("values must be an object.", details={"field": "values"})
    return values


def _comment(body: dict[str, Any]) -> str:
    return optional_text(body, "comment", MAX_COMMENT) or ""


def _flag(body: dict[str, Any], name: str, *, default: bool | None) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Unprocessable(f"{name} must be true or false.", details={"field": name})
    return value


def _whole(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        raise Unprocessable(
            f"{name} must be a whole number from {low} to {high}.", details={"field": name}
        )
    return value


def _number(text: str) -> int:
    """The number of a version in an address."""
    number = integer(text, "version", None, 1, _MAX_NUMBER)
    if number is None:
        raise Unprocessable("A version is missing.", details={"field": "version"})
    return number
