"""What keeps everything safe: snapshots, the way to another machine, a stop that is announced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from studio.clock import iso
from studio.errors import InvalidRequest, SessionRequired, Unprocessable
from studio.models import Identity, Scope
from studio.services.backups import EVERY_S, BackupService, SnapshotInfo
from studio.services.moving import MovingService
from studio.services.stopping import Phase, StopService
from studio.store.archive import Contents
from studio.store.restoring import Restored
from studio.store.snapshot_files import KEEP_DAYS, KEEP_NEWEST
from studio.web import safety_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.respond import json_response


def safety_routes(
    *, backups: BackupService, moving: MovingService, stopping: StopService
) -> APIRouter:
    """``/api/system/backups``, ``export``, ``import`` and ``prepare-stop``."""
    router = APIRouter(prefix="/api/system", tags=["System"])

    @router.get("/backups", summary="The snapshots of the database", **schemas.LIST_BACKUPS)
    async def get_backups(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        kept = await backups.list()
        return json_response(
            {
                "snapshots": [_snapshot(one) for one in kept],
                "every_s": int(EVERY_S),
                "keep_newest": KEEP_NEWEST,
                "keep_days": KEEP_DAYS,
                "trouble": backups.trouble,
            }
        )

    @router.post("/backups", summary="Take a snapshot now", **schemas.TAKE_BACKUP)
    async def take_backup(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        path = await backups.snapshot("manual")
        return json_response(_snapshot(await backups.describe(path)), 201)

    @router.get("/backups/{name}", summary="Download a snapshot", **schemas.GET_BACKUP)
    async def get_backup(request: Request, name: str) -> Response:
        _in_person(request)
        path = await backups.find(name)
        return FileResponse(path, media_type="application/vnd.sqlite3", filename=path.name)

    @router.get("/export", summary="Everything as one stream", **schemas.EXPORT)
    async def export(request: Request) -> Response:
        secrets = _flag(request, "secrets", default=False)
        identity = _in_person(request) if secrets else caller(request, Scope.ADMIN)
        contents = Contents(assets=_flag(request, "assets", default=True), secrets=secrets)
        pieces = await moving.export(identity, contents)
        headers = {"Content-Disposition": 'attachment; filename="studio-export.tar"'}
        return StreamingResponse(pieces, headers=headers, media_type="application/x-tar")

    @router.post("/import", summary="Take an archive in and check it", **schemas.STAGE_IMPORT)
    async def stage_import(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        return json_response(_staged(await moving.stage(identity, _body(request))))

    @router.get("/import", summary="The archive that was taken in", **schemas.GET_IMPORT)
    async def get_import(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        staged = moving.staged
        return json_response({"staged": None if staged is None else _staged(staged)})

    @router.delete("/import", summary="Forget the archive taken in", **schemas.FORGET_IMPORT)
    async def forget_import(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        await moving.discard()
        return Response(status_code=204)

    @router.post("/import/apply", summary="Put the archive in place", **schemas.APPLY_IMPORT)
    async def apply_import(request: Request) -> Response:
        return json_response(_staged(await moving.apply(_in_person(request))), 202)

    @router.get("/prepare-stop", summary="How far a stop is prepared", **schemas.GET_STOP)
    async def get_stop(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(_stop(stopping))

    @router.post("/prepare-stop", summary="Prepare for being stopped", **schemas.PREPARE_STOP)
    async def prepare_stop(request: Request) -> Response:
        identity = caller(request, Scope.ADMIN)
        wait = (await json_body(request)).get("wait", True)
        if not isinstance(wait, bool):
            raise Unprocessable("wait must be true or false.", details={"field": "wait"})
        await stopping.prepare(identity, wait=wait)
        return json_response(_stop(stopping), 202)

    @router.delete("/prepare-stop", summary="Go on instead of stopping", **schemas.TAKE_BACK_STOP)
    async def take_back_stop(request: Request) -> Response:
        await stopping.take_back(caller(request, Scope.ADMIN))
        return json_response(_stop(stopping))

    return router


def _in_person(request: Request) -> Identity:
    """The owner, logged in or at the console: no program reads secrets, or replaces everything."""
    identity = caller(request, Scope.ADMIN)
    if identity.key_id is not None:
        raise SessionRequired("This needs the owner, logged in; an API key is not enough.")
    return identity


def _flag(request: Request, name: str, *, default: bool) -> bool:
    text = request.query_params.get(name)
    if text is None:
        return default
    if text not in ("0", "1"):
        raise InvalidRequest(f"{name} must be 0 or 1.")
    return text == "1"


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole archive came.") from error


def _snapshot(info: SnapshotInfo) -> dict[str, Any]:
    return {**asdict(info), "taken_at": iso(info.taken_at)}


def _staged(staged: Restored) -> dict[str, Any]:
    return {
        "created_at": staged.created_at,
        "files": staged.blobs,
        "missing": staged.missing,
        "secrets": staged.secrets,
        "kept_as": staged.aside,
    }


def _stop(stopping: StopService) -> dict[str, Any]:
    state, inside = stopping.state, stopping.jobs_inside()
    waits = state.waits and state.phase in (Phase.DOWNLOADS, Phase.JOBS)
    return {
        "phase": state.phase,
        "wait": state.waits,
        "reason": state.reason,
        "jobs_inside": len(inside),
        "waits_for": [{"job": job.id, "engine": job.engine} for job in inside if waits],
        "downloads_running": stopping.downloads_running(),
    }
