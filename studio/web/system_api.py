"""Whether Studio lives and works: health, readiness, metrics, engines, backups."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import NotFound, Unavailable, Unprocessable
from studio.models import Scope
from studio.services.backups import BackupService
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.metrics import Metrics
from studio.web import system_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.graphs_api import graph_routes
from studio.web.respond import json_response


def system_routes(
    *,
    health: HealthService,
    metrics: Metrics,
    engines: EngineService,
    version: str,
) -> APIRouter:
    """``/health``, ``/ready``, ``/metrics`` and ``/api/system``."""
    router = APIRouter(tags=["System"])

    @router.head("/health", include_in_schema=False)
    @router.get("/health", summary="The process answers", **schemas.GET_HEALTH)
    async def get_health() -> Response:
        return json_response({"status": "ok", "version": version})

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", summary="Studio takes work, or why not", **schemas.GET_READY)
    async def get_ready() -> Response:
        ready, body = health.ready()
        return json_response(body, 200 if ready else 503)

    @router.get("/metrics", summary="Prometheus metrics", **schemas.GET_METRICS)
    async def get_metrics(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        text = await metrics.render()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/api/system/engines", summary="Every engine and its state", **schemas.LIST_ENGINES)
    async def get_engines(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response({"engines": health.engines()})

    @router.get(
        "/api/system/object_info/{class_type:path}",
        summary="What a node class takes",
        **schemas.GET_OBJECT_INFO,
    )
    async def get_object_info(request: Request, class_type: str) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        await engines.refresh()
        infos = [engine.info for engine in engines.engines.values() if engine.ready and engine.info]
        if not infos:
            raise Unavailable("No engine is ready yet.", retry_after_s=2)
        entry = next((info[class_type] for info in infos if class_type in info), None)
        if entry is None:
            raise NotFound("No engine has that node class.")
        return json_response({class_type: entry})

    router.include_router(graph_routes(engines))
    return router


def backup_routes(backups: BackupService) -> APIRouter:
    """``POST /api/system/backup``, which needs no engine."""
    router = APIRouter(tags=["System"])

    @router.post(
        "/api/system/backup", summary="Write a backup to a file on this machine", **schemas.BACKUP
    )
    async def backup(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        to = (await json_body(request)).get("to")
        if not isinstance(to, str) or not Path(to).is_absolute():
            raise Unprocessable("to must be an absolute path on Studio's machine.")
        written = await backups.backup(Path(to))
        return json_response(written)

    return router
