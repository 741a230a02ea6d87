"""What the page of language models is told of memory, with a GPU that the test fills."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Send
from starlette.types import Scope as Asked

from studio.models import Identity, Role, Scope
from studio.services.gpu_room import GpuRoom
from studio.services.language_files import KNOWN, GgufFile, InstalledModel
from studio.services.language_needs import Need
from studio.services.local_language import ModelState
from studio.store.language_models import DEFAULT
from studio.web.language_api import language_routes
from tests.unit.services.test_gpu_room import GB, Cards, Setting, job, need, setting

__all__ = ["setting"]
OWNER = Identity("owner", Role.OWNER, frozenset(Scope))


def state(pid: int) -> ModelState:
    file = GgufFile("fox.gguf", Path("fox.gguf"), GB, "", None, None, "", KNOWN, DEFAULT)
    server: Any = SimpleNamespace(state="running", reason="", busy=0, crashes=(), pid=pid)
    return ModelState(InstalledModel(file, None, ()), Need(GB, 0), server)


async def told(room: GpuRoom, *states: ModelState) -> dict[str, Any]:
    async def everything() -> list[ModelState]:
        return list(states)

    local: Any = SimpleNamespace(can_run=True, states=everything)
    nothing: Any = None
    routes = FastAPI()
    routes.include_router(language_routes(local=local, files=nothing, room=room, logs=nothing))

    async def guarded(scope: Asked, receive: Receive, send: Send) -> None:
        scope["studio.identity"] = OWNER
        await routes(scope, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(guarded), base_url="http://studio"
    ) as client:
        answer = await client.get("/api/language/models")
    body: dict[str, Any] = answer.json()
    return body


async def test_memory_that_goes_to_a_model_and_back_is_told_as_it_was_measured(
    setting: Setting,
) -> None:
    setting.card.shares = {"comfyui": 20 * GB}
    async with setting.room.lent(need(12), setting.models().evict):
        setting.card.shares["fox"] = 14 * GB
    setting.room.evict = setting.models("fox").evict
    await setting.room.make_for(setting.engine, job("flux.safetensors"))
    setting.card.shares["comfyui"] = 12 * GB
    body = await told(setting.room)
    assert body["gpu"] == {"total_bytes": 24 * GB, "used_bytes": 12 * GB}
    back, there = body["handed"]
    assert (there["to"], there["gave"]) == ("language", "comfyui")
    assert (there["before_bytes"], there["after_bytes"]) == (4 * GB, 24 * GB)
    assert (back["to"], back["gave"]) == ("comfyui", "language")
    assert (back["before_bytes"], back["after_bytes"]) == (10 * GB, 24 * GB)


async def test_what_a_model_has_of_the_gpu_is_told_if_the_driver_tells(setting: Setting) -> None:
    cards: Any = Cards([4 * GB], {77: 3 * GB})
    setting.room._gpus = cards
    models = (await told(setting.room, state(77), state(78)))["models"]
    assert [model["server"]["gpu_bytes"] for model in models] == [3 * GB, None]
