"""The system as the owner sees it: how it is, and what can be done about its engines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from boot.flags import MAX_WORDS, Flag
from studio.errors import Unprocessable
from studio.models import Scope
from studio.services.diagnostics import DiagnosticsService
from studio.services.engine_control import (
    MAX_FLAGS_TEXT,
    MAX_TAIL,
    EngineControl,
    EngineFlags,
)
from studio.services.system import SystemService
from studio.web import house_schemas as schemas
from studio.web.caller import caller, json_body, whole_number
from studio.web.respond import json_response


def engine_routes(
    *, system: SystemService, control: EngineControl, diagnostics: DiagnosticsService
) -> APIRouter:
    """``/api/system`` and what leads from there to one engine."""
    router = APIRouter(prefix="/api/system", tags=["System"])

    @router.get(
        "", summary="Versions, GPUs, memory, disks, engines and queue", **schemas.GET_SYSTEM
    )
    async def get_system(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(await system.look())

    @router.get(
        "/diagnostics",
        summary="Logs, versions, settings and findings as a ZIP, without secrets",
        **schemas.DIAGNOSTICS,
    )
    async def get_diagnostics(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        headers = {"Content-Disposition": 'attachment; filename="studio-diagnostics.zip"'}
        return Response(await diagnostics.collect(), 200, headers, media_type="application/zip")

    @router.post("/engines/{name}/restart", summary="Restart an engine", **schemas.RESTART_ENGINE)
    async def restart(request: Request, name: str) -> Response:
        await control.restart(caller(request, Scope.ADMIN), name)
        return json_response({"restarting": name}, 202)

    @router.post("/engines/{name}/stop", summary="Stop an engine", **schemas.STOP_ENGINE)
    async def stop(request: Request, name: str) -> Response:
        await control.stop(caller(request, Scope.ADMIN), name)
        return json_response({"stopped": name})

    @router.post("/engines/{name}/start", summary="Start a stopped engine", **schemas.START_ENGINE)
    async def start(request: Request, name: str) -> Response:
        await control.start(caller(request, Scope.ADMIN), name)
        return json_response({"starting": name}, 202)

    @router.post(
        "/engines/{name}/free",
        summary="Have an engine unload its models and forget results",
        **schemas.FREE_ENGINE,
    )
    async def free(request: Request, name: str) -> Response:
        await control.free(caller(request, Scope.ADMIN), name)
        return json_response({"freed": name})

    @router.post(
        "/engines/{name}/interrupt",
        summary="End what runs inside an engine",
        **schemas.INTERRUPT_ENGINE,
    )
    async def interrupt(request: Request, name: str) -> Response:
        jobs = await control.interrupt(caller(request, Scope.ADMIN), name)
        return json_response({"jobs": list(jobs)})

    @router.get(
        "/engines/{name}/logs",
        summary="The last lines of an engine's log, or what came since",
        **schemas.ENGINE_LOGS,
    )
    async def logs(request: Request, name: str) -> Response:
        caller(request, Scope.ADMIN)
        asked = request.query_params
        tail = whole_number(asked.get("tail"), "tail", 0, MAX_TAIL, default=500)
        part = await control.logs(name, tail=tail, after=asked.get("after"))
        return json_response(
            {"lines": list(part.lines), "next": part.place, "fresh": part.is_fresh}
        )

    @router.get(
        "/engines/{name}/flags",
        summary="The flags an engine starts with, and which there are",
        **schemas.GET_FLAGS,
    )
    async def get_flags(request: Request, name: str) -> Response:
        caller(request, Scope.ADMIN)
        return json_response(_flags_body(name, await control.flags(name)))

    @router.put(
        "/engines/{name}/flags",
        summary="Choose the flags of an engine's next start",
        **schemas.PUT_FLAGS,
    )
    async def put_flags(request: Request, name: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        wanted = _wanted_flags((await json_body(request)).get("flags"))
        return json_response(_flags_body(name, await control.set_flags(identity, name, wanted)))

    return router


def _wanted_flags(value: Any) -> str | list[str]:
    if isinstance(value, str) and len(value) <= MAX_FLAGS_TEXT:
        return value
    if isinstance(value, list) and len(value) <= MAX_WORDS:
        words = [word for word in value if isinstance(word, str) and len(word) <= MAX_FLAGS_TEXT]
        if len(words) == len(value):
            return words
    raise Unprocessable(
        f"flags must be a text of {MAX_FLAGS_TEXT} characters or {MAX_WORDS} words at most.",
        details={"field": "flags"},
    )


def _flags_body(name: str, flags: EngineFlags) -> dict[str, Any]:
    return {
        "engine": name,
        "source": flags.source,
        "flags": list(flags.flags),
        "applied": None if flags.applied is None else list(flags.applied),
        "restart_needed": flags.restart_needed,
        "editable": flags.editable,
        "allowed": [_flag_body(word, flag) for word, flag in flags.allowed.items()],
    }


def _flag_body(word: str, flag: Flag) -> dict[str, Any]:
    kind = "integer" if flag.whole else "number" if flag.least is not None else "switch"
    facts = asdict(flag)
    return {
        "flag": word,
        "kind": "choice" if flag.choices else kind,
        "choices": list(flag.choices),
        "min": flag.least,
        "max": flag.most,
        **{name: facts[name] for name in ("help", "values", "optional", "group")},
    }
