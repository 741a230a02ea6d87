"""A server of language models on loopback that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.hub import running

KEY = "canary-language-key-51b0"


@dataclass
class LanguageFake:
    """What it does with the next requests.

    ``words`` are what it writes, one chunk each; at the one of number ``breaks_at`` it dies. While
    ``goes_on`` is not set it writes only the first word. ``refuses`` is the status and body that
    every request gets.
    """

    base: str = ""
    models: list[str] = field(default_factory=lambda: ["small", "org/large:q4"])
    words: Sequence[str] = ("Once", " upon", " a", " time")
    breaks_at: int | None = None
    refuses: tuple[int, dict[str, Any]] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a reader went away in the middle."""
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.goes_on.set()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        listed = [{"id": name, "object": "model"} for name in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._write(request, "chat.completion")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        return await self._write(request, "text_completion")

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        body = await self._read(request)
        if self.refuses is not None:
            return web.json_response(self.refuses[1], status=self.refuses[0])
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [
            {"object": "embedding", "index": index, "embedding": [0.5, float(len(text))]}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return web.json_response(
            {"object": "list", "model": body["model"], "data": data, "usage": usage}
        )

    async def _read(self, request: web.Request) -> dict[str, Any]:
        self.keys.append(request.headers.get("Authorization", ""))
        body: dict[str, Any] = await request.json()
        self.asked.append(body)
        self.is_asked.set()
        return body

    async def _write(self, request: web.Request, kind: str) -> web.StreamResponse:
        body = await self._read(request)
        if self.refuses is not None:
            return web.json_response(self.refuses[1], status=self.refuses[0])
        if not body.get("stream"):
            while not self.goes_on.is_set():
                if request.transport is None:
                    self.left.set()
                    return web.Response()
                await asyncio.sleep(0.02)
            return web.json_response(self._whole(body, kind))
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        try:
            for index, word in enumerate(self.words):
                if index == self.breaks_at:
                    assert request.transport is not None
                    request.transport.abort()
                    return answer
                await answer.write(self._chunk(body, kind, word))
                while not self.goes_on.is_set():
                    # Comments are no chunks; only writing tells that nobody reads any more.
                    await answer.write(b": busy\n\n")
                    await asyncio.sleep(0.02)
            await answer.write(self._chunk(body, kind, None))
            await answer.write(b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        return answer

    def _chunk(self, body: dict[str, Any], kind: str, word: str | None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": None if word else "stop"}
        if kind == "chat.completion":
            choice["delta"] = {"content": word} if word else {}
        else:
            choice["text"] = word or ""
        name = f"{kind}.chunk" if kind == "chat.completion" else kind
        chunk = {"id": "c", "object": name, "created": 1, "model": body["model"]}
        return b"data: " + json.dumps({**chunk, "choices": [choice]}).encode() + b"\n\n"

    def _whole(self, body: dict[str, Any], kind: str) -> dict[str, Any]:
        text = "".join(self.words)
        said: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if kind == "chat.completion":
            said["message"] = {"role": "assistant", "content": text}
        else:
            said["text"] = text
        usage = {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}
        head = {"id": "c", "object": kind, "created": 1, "model": body["model"]}
        return {**head, "choices": [said], "usage": usage}


@contextlib.asynccontextmanager
async def running_language() -> AsyncIterator[LanguageFake]:
    """The server, until the block ends."""
    fake = LanguageFake()
    async with running(fake.app()) as fake.base:
        yield fake
        fake.goes_on.set()
