"""Node packs: what is there, what could be, and the one change that is under way."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.errors import InvalidRequest, Unprocessable
from studio.models import Scope
from studio.services.node_packs import NodePacks
from studio.services.node_registry import KnownPack
from studio.services.pack_work import Operation, PackView
from studio.web import nodes_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, optional_text
from studio.web.respond import json_response

_FIELDS: Final = frozenset({"pack", "url", "ref"})
_MOST_CLASSES: Final = 200
_ACTIONS: Final = {"back": "restore", "disable": "disable", "enable": "enable"}


def node_routes(packs: NodePacks) -> APIRouter:
    """``/api/system/nodes``."""
    router = APIRouter(prefix="/api/system/nodes", tags=["System"])

    @router.get("", summary="Node packs, and the change under way", **schemas.LIST_NODES)
    async def list_packs(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(
            {
                "obstacle": packs.obstacle() or None,
                "packs": [_pack_body(view) for view in await packs.all()],
                "operation": _operation_body(packs.operation),
            }
        )

    @router.get("/registry", summary="Node packs that are known by name", **schemas.REGISTRY)
    async def registry(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        known = packs.registry.packs.values()
        return json_response({"packs": [_known_body(pack) for pack in known]})

    @router.get("/providers", summary="Which known packs bring these classes", **schemas.PROVIDERS)
    async def providers(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        classes = request.query_params.getlist("class")
        if not 1 <= len(classes) <= _MOST_CLASSES:
            raise InvalidRequest(f"class must be said 1 to {_MOST_CLASSES} times.")
        found = packs.registry.providers(classes)
        return json_response(
            {
                "packs": [
                    {**_known_body(packs.registry.packs[name]), "classes": brought}
                    for name, brought in found.items()
                ]
            }
        )

    @router.post("", summary="Install a node pack", **schemas.INSTALL)
    async def install(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        body = known_fields(await json_body(request), _FIELDS)
        name, url = optional_text(body, "pack", 80), optional_text(body, "url", 300)
        ref = optional_text(body, "ref", 200) or ""
        if (name is None) == (url is None) or (name is not None and ref):
            raise Unprocessable("Say either pack, or url with perhaps a ref.")
        if name is not None:
            return _begun(await packs.install_known(identity, name))
        return _begun(await packs.install(identity, url or "", ref))

    @router.delete("/operation", summary="Give up the change under way", **schemas.CANCEL)
    async def cancel(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        await packs.cancel()
        return Response(status_code=204)

    @router.post("/{name}/update", summary="Update a node pack", **schemas.CHANGE)
    async def update(request: Request, name: str) -> Response:
        return _begun(await packs.update(caller(request, Scope.ADMIN), name))

    @router.delete("/{name}", summary="Remove a node pack", **schemas.CHANGE)
    async def remove(request: Request, name: str) -> Response:
        return _begun(await packs.change(caller(request, Scope.ADMIN), "remove", name))

    def add(word: str, summary: str) -> None:
        @router.post(f"/{{name}}/{word}", summary=summary, name=word, **schemas.CHANGE)
        async def change(request: Request, name: str) -> Response:
            identity = caller(request, Scope.ADMIN)
            return _begun(await packs.change(identity, _ACTIONS[word], name))

    add("back", "Bring a node pack back to what it was before its last change")
    add("disable", "Have ComfyUI pass over a node pack")
    add("enable", "Have ComfyUI load a node pack again")
    return router


def _begun(operation: Operation) -> Response:
    return json_response({"operation": _operation_body(operation)}, 202)


def _operation_body(operation: Operation | None) -> dict[str, Any] | None:
    if operation is None:
        return None
    return {
        "id": operation.id,
        "action": operation.action,
        "name": operation.name,
        "began_at": iso(operation.began_at),
        "phase": operation.phase,
        "done": operation.done,
        "error": {"code": operation.code, "message": operation.message} if operation.code else None,
        "commit": operation.commit or None,
        "notes": list(operation.notes),
    }


def _pack_body(view: PackView) -> dict[str, Any]:
    pack, record = view.pack, view.pack.record
    return {
        "name": pack.name,
        "title": view.known.title if view.known else pack.name,
        "present": pack.present,
        "enabled": pack.enabled,
        "managed": record is not None,
        "removable": view.on_volume and pack.present,
        "can_go_back": pack.previous,
        "commit": pack.commit,
        "update": view.update,
        "url": record.url if record else None,
        "ref": record.ref if record else None,
        "changed_at": iso(int(record.changed_at * 1000)) if record else None,
        "disabled_because": record.why or None if record else None,
        "notes": list(record.notes) if record else [],
        "packages": [
            {"name": each.name, "version": each.version}
            for each in (record.packages if record else ())
        ],
        "classes": list(view.classes),
    }


def _known_body(pack: KnownPack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "title": pack.title,
        "description": pack.description,
        "url": pack.url,
        "commit": pack.commit,
        "license": pack.license,
        "classes": list(pack.classes),
    }
