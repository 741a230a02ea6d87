"""The engine as an HTTP application."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from studio.embedded import features
from studio.embedded.context import Interruption
from studio.embedded.execution import Executor, Limits
from studio.embedded.folders import Folders
from studio.embedded.job_routes import JobRoutes
from studio.embedded.jobs import is_job_id
from studio.embedded.models import ModelRoutes
from studio.embedded.queue import Prompt, PromptQueue
from studio.embedded.registry import REGISTRY
from studio.embedded.sockets import Hub
from studio.embedded.uploads import UploadRoutes
from studio.embedded.validation import validate
from studio.embedded.views import ViewRoutes
from studio.embedded.worker import Worker

_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Engine:
    """The queue, the worker and the routes, bound to the running event loop.

    ``crashed()`` is called from the worker's thread if that should ever end.
    """

    def __init__(self, *, folders: Folders, limits: Limits, crashed: Callable[[], None]) -> None:
        self._folders = folders
        self._number = 0
        self._arrivals = 0
        self._interruption = Interruption()
        self._hub = Hub(asyncio.get_running_loop())
        self._queue = PromptQueue(self._tell_status)
        executor = Executor(
            registry=REGISTRY,
            folders=folders,
            hub=self._hub,
            interruption=self._interruption,
            limits=limits,
        )
        self._worker = Worker(self._queue, executor, self._hub, crashed)
        self._pump: asyncio.Task[None] | None = None

    def application(self) -> web.Application:
        """Return the application; its start-up starts the worker."""
        app = web.Application(
            client_max_size=features.MAX_UPLOAD_BYTES, middlewares=[_refuse_foreign_pages]
        )
        routes = [
            *self._routes(),
            *ViewRoutes(self._folders).routes(),
            *UploadRoutes(self._folders).routes(),
            *ModelRoutes(self._folders).routes(),
        ]
        prefixed = [web.route(each.method, f"/api{each.path}", each.handler) for each in routes]
        jobs = JobRoutes(self._queue, self._interruption).routes()
        app.add_routes([*jobs, *routes, *prefixed])
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._stop)
        return app

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._describe),
            web.get("/ws", self._serve_socket),
            web.get("/prompt", self._show_status),
            web.post("/prompt", self._submit),
            web.get("/queue", self._list_queue),
            web.post("/queue", self._change_queue),
            web.get("/history", self._list_history),
            web.post("/history", self._change_history),
            web.get("/history/{prompt_id}", self._show_history),
            web.post("/interrupt", self._interrupt),
            web.post("/free", self._free),
            web.get("/features", self._show_features),
            web.get("/system_stats", self._show_system),
        ]

    async def _start(self, _app: web.Application) -> None:
        self._pump = asyncio.create_task(self._hub.pump())
        self._worker.start()

    async def _stop(self, _app: web.Application) -> None:
        await self._hub.close()
        if self._pump is not None:
            self._pump.cancel()

    def _status(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": self._queue.remaining()}}

    def _tell_status(self) -> None:
        self._hub.publish("status", {"status": self._status()}, None)

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.Response(
            text="This is the embedded engine: it speaks ComfyUI's protocol and has no editor.\n"
            "With ComfyUI on this machine (COMFYUI_DIR names its folder), its editor is here.\n"
        )

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        return await self._hub.serve(request, self._status)

    async def _show_status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._status())

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = self._next_number(body)
        if "prompt" not in body:
            return _refuse("no_prompt", "No prompt provided", "No prompt provided")
        prompt_id = body.get("prompt_id")
        if prompt_id is None:
            prompt_id = str(uuid.uuid4())
        elif not is_job_id(prompt_id):
            return _refuse(
                "invalid_prompt_id",
                "prompt_id must be a valid UUID",
                "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
                "omit it to let the server generate one",
            )
        targets = body.get("partial_execution_targets")
        verdict = validate(body["prompt"], REGISTRY, self._folders, targets)
        if verdict.error is not None:
            answer = {"error": verdict.error, "node_errors": verdict.node_errors}
            return web.json_response(answer, status=400)
        self._arrivals += 1
        prompt = Prompt(
            number=number,
            prompt_id=prompt_id,
            arrival=self._arrivals,
            graph=body["prompt"],
            extra_data=_read_extra_data(body, request.headers),
            outputs=verdict.outputs,
        )
        self._queue.put(prompt)
        return web.json_response(
            {"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors}
        )

    def _next_number(self, body: Mapping[str, Any]) -> float:
        if "number" in body:
            return float(body["number"])
        number = -self._number if body.get("front") else self._number
        self._number += 1
        return number

    async def _list_queue(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "queue_running": [prompt.listed() for prompt in self._queue.running()],
                "queue_pending": [prompt.listed() for prompt in self._queue.waiting()],
            }
        )

    async def _change_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._queue.clear()
        for prompt_id in body.get("delete", ()):
            self._queue.delete(prompt_id)
        return web.Response()

    async def _list_history(self, request: web.Request) -> web.Response:
        max_items = request.query.get("max_items")
        history = self._queue.history(
            max_items=None if max_items is None else int(max_items),
            offset=int(request.query.get("offset", -1)),
        )
        return web.json_response(history)

    async def _show_history(self, request: web.Request) -> web.Response:
        return web.json_response(self._queue.history_of(request.match_info["prompt_id"]))

    async def _change_history(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._queue.clear_history()
        for prompt_id in body.get("delete", ()):
            self._queue.delete_history(prompt_id)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            body = {}
        prompt_id = body.get("prompt_id")
        if prompt_id:
            self._queue.interrupt_if_running(prompt_id, self._interruption.request)
        else:
            self._interruption.request()
        return web.Response()

    async def _free(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("free_memory"):
            self._queue.request_free()
        return web.Response()

    async def _show_features(self, _request: web.Request) -> web.Response:
        return web.json_response(features.SERVER_FEATURES)

    async def _show_system(self, _request: web.Request) -> web.Response:
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        total_bytes = page_bytes * os.sysconf("SC_PHYS_PAGES")
        free_bytes = page_bytes * os.sysconf("SC_AVPHYS_PAGES")
        system = {
            "os": sys.platform,
            "ram_total": total_bytes,
            "ram_free": free_bytes,
            "comfyui_version": features.COMFYUI_VERSION,
            "embedded": True,
            "required_frontend_version": None,
            "installed_templates_version": None,
            "required_templates_version": None,
            "comfy_package_versions": [],
            "python_version": platform.python_version(),
            "pytorch_version": None,
            "embedded_python": False,
            "deploy_environment": "embedded",
            "argv": sys.argv,
        }
        device = {
            "name": "cpu",
            "type": "cpu",
            "index": None,
            "vram_total": total_bytes,
            "vram_free": free_bytes,
            "torch_vram_total": total_bytes,
            "torch_vram_free": free_bytes,
        }
        return web.json_response({"system": system, "devices": [device]})


def _refuse(kind: str, message: str, details: str) -> web.Response:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return web.json_response({"error": error, "node_errors": {}}, status=400)


def _read_extra_data(body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what goes with a prompt into the queue and the history, without its secrets."""
    extra_data = dict(body.get("extra_data", {}))
    if "client_id" in body:
        extra_data["client_id"] = body["client_id"]
    source = headers.get("Comfy-Usage-Source")
    if source and "comfy_usage_source" not in extra_data:
        extra_data["comfy_usage_source"] = source
    extra_data = {key: value for key, value in extra_data.items() if key not in _SECRETS}
    return extra_data | {"create_time": int(time.time() * 1000)}


@web.middleware
async def _refuse_foreign_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep web pages of other origins from using an engine that listens on the loopback."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return web.Response(status=403)
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    if host and origin:
        here, there = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
        same = (
            here.netloc == there.netloc
            if here.port is not None and there.port is not None
            else here.hostname == there.hostname
        )
        if here.hostname in _LOOPBACK and not same:
            return web.Response(status=403)
    return await handler(request)
