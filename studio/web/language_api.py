"""Language models on this machine: what is there, how each runs, what the owner does about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from boot.language import CHAT_FORMATS, SLOTS
from studio.clock import iso
from studio.errors import NotFound, Unprocessable
from studio.models import Scope
from studio.services.gpu_room import GpuMemory, GpuRoom
from studio.services.language_files import LanguageFiles
from studio.services.language_needs import longest_context
from studio.services.local_language import LocalLanguage, ModelState
from studio.store.engine_logs import LogFolder
from studio.store.language_models import LanguageSettings
from studio.store.process_memory import resident_bytes
from studio.web import language_schemas as schemas
from studio.web.caller import caller, json_body, known_fields, whole_number
from studio.web.respond import json_response

_MOST_LINES = 1000


def language_routes(
    *, local: LocalLanguage, files: LanguageFiles, room: GpuRoom, logs: LogFolder
) -> APIRouter:
    """``/api/language``."""
    router = APIRouter(prefix="/api/language", tags=["Language models"])

    async def told(model: str) -> dict[str, Any]:
        return _body(await local.state(model), await room.held())

    @router.get("/models", summary="What is installed, and how it is", **schemas.LIST)
    async def models(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        memory, held = await room.memory(), await room.held()
        return json_response(
            {
                "can_run": local.can_run,
                "places": len(SLOTS),
                "chat_formats": list(CHAT_FORMATS),
                "gpu": None if memory is None else _memory(memory),
                "models": [_body(state, held) for state in await local.states()],
                "handed": [{**asdict(one), "at": iso(one.at)} for one in reversed(room.handed)],
            }
        )

    @router.post("/models/{model:path}/start", summary="Load one now", **schemas.START)
    async def start(request: Request, model: str) -> Response:
        await local.start(caller(request, Scope.MODELS_WRITE), model)
        return json_response(await told(model), 202)

    @router.post("/models/{model:path}/stop", summary="Unload one", **schemas.STOP)
    async def stop(request: Request, model: str) -> Response:
        ended = await local.stop(caller(request, Scope.MODELS_WRITE), model)
        return json_response(_body(ended, await room.held()))

    @router.post(
        "/models/{model:path}/confirm",
        summary="Vouch for the bytes of a file that nobody knows",
        **schemas.CONFIRM,
    )
    async def confirm(request: Request, model: str) -> Response:
        caller(request, Scope.ADMIN)
        await files.confirm(model)
        return json_response(await told(model))

    @router.get("/models/{model:path}/log", summary="What its server says", **schemas.LOG)
    async def log(request: Request, model: str) -> Response:
        caller(request, Scope.ADMIN)
        asked = request.query_params
        tail = whole_number(asked.get("tail"), "tail", 0, _MOST_LINES, default=200)
        server = (await local.state(model)).server
        if server is None:
            raise NotFound("It has not run since Studio's start, or gave its place to another.")
        part = await asyncio.to_thread(logs.read, server.slot, tail=tail, after=asked.get("after"))
        return json_response(
            {"lines": list(part.lines), "next": part.place, "fresh": part.is_fresh}
        )

    @router.patch(
        "/models/{model:path}", summary="How one runs, from its next start on", **schemas.PATCH
    )
    async def change(request: Request, model: str) -> Response:
        caller(request, Scope.MODELS_WRITE)
        said = known_fields(await json_body(request), frozenset(schemas.SETTINGS))
        before = (await files.get(model)).file.settings
        await files.set(model, _changed(before, said))
        return json_response(await told(model))

    return router


def _changed(before: LanguageSettings, said: dict[str, Any]) -> LanguageSettings:
    for name, value in said.items():
        schema = schemas.SETTINGS[name]
        if "minimum" in schema:
            least, most = schema["minimum"], schema["maximum"]
            fits = type(value) is int and least <= value <= most
        elif "enum" in schema:
            fits = value in schema["enum"]
        elif name == "projector":
            fits = value is None or isinstance(value, str)
        else:
            fits = isinstance(value, bool)
        if not fits:
            raise Unprocessable(
                f"{name} has a value that is not possible.", details={"field": name}
            )
    return replace(before, **said)


def _memory(memory: GpuMemory) -> dict[str, int]:
    return {"total_bytes": memory.total_bytes, "used_bytes": memory.used_bytes}


def _body(state: ModelState, held: Mapping[int, int]) -> dict[str, Any]:
    model, need, server = state.model, state.need, state.server
    head, settings = model.file.head, model.file.settings
    eyes = model.projector
    faults = [file.fault for file in (model.file, eyes) if file is not None and file.fault]
    trusts = [file.trust for file in (model.file, eyes) if file is not None]
    return {
        "id": model.id,
        "file": model.file.name,
        "size_bytes": model.file.size_bytes,
        "architecture": None if head is None else head.architecture,
        "context": model.context,
        "longest_context": 0 if head is None else longest_context(head),
        "layers": 0 if head is None else head.number("block_count"),
        "vision": eyes is not None,
        "embeddings": model.embeddings,
        "projector": None if eyes is None else eyes.name,
        "projectors": list(model.projectors),
        "trust": next((one for one in ("unknown", "confirmed") if one in trusts), "known"),
        "fault": " ".join(faults),
        "gpu_bytes": need.gpu_bytes,
        "memory_bytes": need.memory_bytes,
        "server": {
            "state": "stopped" if server is None else server.state,
            "reason": "" if server is None else server.reason,
            "busy": 0 if server is None else server.busy,
            "crashes": 0 if server is None else len(server.crashes),
            "memory_bytes": None if server is None else resident_bytes(server.pid),
            "gpu_bytes": None if server is None or server.pid is None else held.get(server.pid),
        },
        "settings": {name: getattr(settings, name) for name in schemas.SETTINGS},
    }
