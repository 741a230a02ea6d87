"""A ComfyUI that goes wrong on command: a real server on loopback, with no pictures behind it.

It keeps ComfyUI's order of things (queue, frames, history, cache) and counts what it executed.
Faults are said through its attributes; ``gates`` hold a prompt at a named stage.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.fakes.comfy_graphs import CLASSES, File, Made, execution_order, make, signature, text_of
from tests.fakes.comfy_lines import Lines

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeComfy(Lines):
    """One engine; ``start`` it, order faults, ``stop`` it.

    Attributes:
        runs: how often the graph with each text began to execute, over all lives.
        finished: how often it came to its end.
        prompt_faults: one word per coming ``POST /prompt``: ``ok``, ``lose-before``,
            ``lose-after`` (the connection closes without an answer), ``500``, ``garbage``,
            ``partial`` (200 with node errors), ``400``.
        crashes: how often each text still kills the engine while it executes.
        noise, complaint: what the history says beside what matters; what a node says that fails.
        stats: what ``/system_stats`` says instead of the truth.
        hangs: requests are accepted and never answered.
        last_words_s: how long frames have to arrive before a crash; without it they are lost.
        lost_cancels: how many cancels are still to be ignored.
        cut_views: how many questions for a file are still to be cut.
    """

    def __init__(self, *, version: str = "0.33.0", classes: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.version = version
        self.classes = CLASSES if classes is None else classes
        self.port = 0
        self.runs: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.stats: Any = None
        self.noise: dict[str, Any] = {}
        self.complaint = "it failed"
        self.posts: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        self.cancels: Counter[str] = Counter()
        self.prompt_faults: deque[str] = deque()
        self.crashes: Counter[str] = Counter()
        self._answering = asyncio.Event()
        self._answering.set()
        self.lost_cancels = 0
        self.lives = 0
        self.node_delay_s = 0.0
        self.last_words_s = 0.05
        self.slow_view_s = 0.0
        self.cut_views = 0
        self._runner: web.AppRunner | None = None
        self._transports: set[asyncio.Transport] = set()
        self._handling: set[asyncio.Task[Any]] = set()
        self._dying: set[asyncio.Task[None]] = set()
        self._forget()

    def _forget(self) -> None:
        self.sockets.clear()
        self.pending: list[list[Any]] = []
        self.running: list[Any] | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.files: dict[File, Made] = {}
        self._cache: dict[str, dict[str, Any]] = {}
        self.interrupted: set[str] = set()
        self._number = 0
        self._more = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    # -- life ------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self._runner is not None

    @property
    def hangs(self) -> bool:
        return not self._answering.is_set()

    @hangs.setter
    def hangs(self, hangs: bool) -> None:
        if hangs:
            self._answering.clear()
        else:
            self._answering.set()

    async def start(self) -> None:
        """Begin a life, on the port of the earlier ones."""
        self._forget()
        app = web.Application(client_max_size=64 << 20, middlewares=[self._middleware])
        app.add_routes(
            [
                web.get("/ws", self.serve_socket),
                web.post("/prompt", self._post_prompt),
                web.get("/queue", self._get_queue),
                web.post("/queue", self._post_queue),
                web.get("/history/{prompt_id}", self._get_history),
                web.post("/interrupt", self._post_interrupt),
                web.post("/api/jobs/{prompt_id}/cancel", self._cancel),
                web.get("/object_info", self._get_info),
                web.get("/system_stats", self._get_stats),
                web.get("/view", self._view),
                web.post("/upload/image", self._upload),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.lives += 1
        self._worker = asyncio.create_task(self._work())

    async def die(self) -> None:
        """End at once, as a process that was killed: nothing is answered, all is forgotten."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for transport in list(self._transports):
            transport.abort()
        self._transports.clear()
        # What the killed process was asked, its next life knows nothing of.
        tasks = {*self._handling, *([self._worker] if self._worker is not None else [])}
        tasks.discard(asyncio.current_task())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()
        self._forget()

    @property
    def remaining(self) -> int:
        return len(self.pending) + (self.running is not None)

    async def stop(self) -> None:
        """End for good."""
        self.open_all()
        await asyncio.gather(*self._dying, return_exceptions=True)
        await self.die()

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if isinstance(request.transport, asyncio.Transport):
            self._transports.add(request.transport)
        self.asked[request.path] += 1
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        try:
            await self._answering.wait()
            return await handler(request)
        finally:
            self._handling.discard(task)

    # -- prompts ---------------------------------------------------------------------------------

    async def _post_prompt(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.posts.append(body)
        fault = self.prompt_faults.popleft() if self.prompt_faults else "ok"
        if fault == "lose-before":
            return self.hang_up(request)
        if fault == "500":
            return web.Response(status=500, text="Internal Server Error")
        if fault == "400":
            error = {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": ""}
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        await self.pass_("accept")
        self.put(body["prompt"], body["prompt_id"], body["client_id"])
        if fault == "lose-after":
            return self.hang_up(request)
        await self.pass_("reply")
        if fault == "garbage":
            return web.Response(text="<html>hello</html>")
        errors = {"9": {"errors": [{"type": "x"}]}} if fault == "partial" else {}
        return web.json_response(
            {"prompt_id": body["prompt_id"], "number": self._number, "node_errors": errors}
        )

    def put(self, graph: dict[str, Any], prompt_id: str, client_id: str) -> None:
        """Queue a graph, also one that no client sent just now."""
        self._number += 1
        self.pending.append([self._number, prompt_id, graph, {"client_id": client_id}, []])
        self._more.set()
        self._later(self.tell_status())

    def rename_outputs(self, name: str) -> None:
        """Call every file that was made by that name from now on, and keep them where they are."""
        for ui in self._cache.values():
            for file in ui.get("images", ()):
                file["filename"] = name

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            await self.pass_("start")
            if not self.pending:
                self._more.clear()
                continue
            self.running = entry = self.pending.pop(0)
            await self.tell_status()
            await self._execute(entry)
            self.running = None
            await self.tell(entry, "executing", {"node": None})
            await self.tell_status()

    async def _execute(self, entry: list[Any]) -> None:
        _, prompt_id, graph, _, _ = entry
        text = text_of(graph)
        self.runs[text] += 1
        messages: list[list[Any]] = []

        async def say(kind: str, data: dict[str, Any]) -> None:
            messages.append([kind, {**data, "prompt_id": prompt_id}])
            await self.tell(entry, kind, data)

        order = execution_order(graph, self.classes)
        signs = {node: signature(graph, node) for node in order}
        cached = [node for node in order if signs[node] in self._cache]
        outputs: dict[str, Any] = {}
        ended = "success"
        await say("execution_start", {})
        await say("execution_cached", {"nodes": cached})
        for node in order:
            if node not in cached:
                await self.tell(entry, "executing", {"node": node})
                await self.pass_("node")
                await asyncio.sleep(self.node_delay_s)
                if self.crashes[text] > 0:
                    self.crashes[text] -= 1
                    await asyncio.sleep(self.last_words_s)
                    self._later(self.die())
                    await asyncio.sleep(60)
                if prompt_id in self.interrupted:
                    ended = "interrupted"
                    break
                if text.startswith("fail"):
                    ended = "error"
                    break
                self._cache[signs[node]] = make(graph, node, self.files)
            ui = self._cache[signs[node]]
            if ui:
                outputs[node] = ui
                await self.tell(entry, "executed", {"node": node, "output": ui})
        if ended == "success":
            await say("execution_success", {})
            self.finished[text] += 1
        elif ended == "error":
            what = {"exception_message": self.complaint, "exception_type": "ValueError"}
            await say("execution_error", {"node_id": node, "node_type": "Source", **what})
        else:
            await say("execution_interrupted", {"node_id": node})
        await self.pass_("history")
        status = "success" if ended == "success" else "error"
        self.history[prompt_id] = {
            "prompt": entry,
            "outputs": outputs,
            "meta": self.noise,
            "status": {"status_str": status, "completed": status == "success"},
        }
        self.history[prompt_id]["status"]["messages"] = messages

    # -- the other routes ------------------------------------------------------------------------

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = [self.running] if self.running is not None else []
        return web.json_response({"queue_running": running, "queue_pending": self.pending})

    async def _post_queue(self, request: web.Request) -> web.Response:
        for prompt_id in (await request.json()).get("delete", []):
            self._drop(prompt_id)
        return web.json_response({})

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        entry = self.history.get(prompt_id)
        return web.json_response({} if entry is None else {prompt_id: entry})

    async def _post_interrupt(self, request: web.Request) -> web.Response:
        self._interrupt((await request.json()).get("prompt_id"))
        return web.json_response({})

    async def _cancel(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        self.cancels[prompt_id] += 1
        if self.lost_cancels > 0:
            self.lost_cancels -= 1
            return web.json_response({"cancelled": False})
        return web.json_response({"cancelled": self._drop(prompt_id) or self._interrupt(prompt_id)})

    def _drop(self, prompt_id: str) -> bool:
        before = len(self.pending)
        self.pending = [entry for entry in self.pending if entry[1] != prompt_id]
        if len(self.pending) < before:
            self._later(self.tell_status())
        return len(self.pending) < before

    def _interrupt(self, prompt_id: str | None) -> bool:
        hit = self.running is not None and self.running[1] == prompt_id
        if hit:
            self.interrupted.add(str(prompt_id))
        return hit

    async def _get_info(self, _request: web.Request) -> web.Response:
        return web.json_response(self.classes)

    async def _get_stats(self, _request: web.Request) -> web.Response:
        content = self.stats or {"system": {"comfyui_version": self.version}, "devices": []}
        return web.json_response(content)

    async def _view(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        await self.pass_("view")
        await asyncio.sleep(self.slow_view_s)
        if self.cut_views:
            self.cut_views -= 1
            return self.hang_up(request)
        made = self.files.get(File(query["type"], query["subfolder"], query["filename"]))
        if made is None:
            return web.Response(status=404)
        return web.Response(body=made.data, headers={"ETag": f'"{made.number}"'})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        field = form["image"]
        assert isinstance(field, web.FileField)
        name, subfolder = field.filename, str(form.get("subfolder", ""))
        file = File("input", subfolder, name)
        self.files[file] = Made(field.file.read(), len(self.files) + 1)
        return web.json_response({"name": name, "subfolder": subfolder, "type": "input"})

    def _later(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._dying.add(task)
        task.add_done_callback(self._dying.discard)
