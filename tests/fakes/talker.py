"""A server of OpenAI's protocol on loopback that says what a test wants, word by word."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import pytest
from aiohttp import web

_STARTS_S = 30
_LOOK_S = 0.01
MODEL = "talker"
TITLE = "A found title"


@dataclass
class Say:
    """One answer. ``holds`` after ``words_before`` words until that is set, or ``dies``."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    holds: Event | None = None
    dies: bool = False
    words_before: int = 0
    refuses: tuple[int, str] | None = None
    finish: str = "stop"


@dataclass
class Talker:
    """What it was asked, and what it will say; without anything it says that it heard."""

    url: str = ""
    answers: list[Say] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    title: str = TITLE
    models: tuple[str, ...] = (MODEL,)
    refuses_tools: bool = False
    refuses_pictures: bool = False
    hung_up: int = 0
    """How many readers left before the end."""

    def will_say(self, *answers: Say | str) -> None:
        """The next answers, in order."""
        self.answers += [Say(each) if isinstance(each, str) else each for each in answers]

    def environ(self) -> dict[str, str]:
        """The variables of a Studio that asks this server."""
        return {"LANGUAGE_URL": self.url, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}

    def forget(self) -> None:
        """Nothing is left of the test before."""
        self.answers.clear()
        self.asked.clear()
        self.titles.clear()
        self.title = TITLE
        self.refuses_tools = self.refuses_pictures = False

    # -- the server ------------------------------------------------------------------------------

    async def _models(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not body.get("stream"):
            self.titles.append(str(body["messages"][-1]["content"]))
            if self.refuses_pictures and "image_url" in self.titles[-1]:
                error = {"message": "image input is not supported"}
                return web.json_response({"error": error}, status=400)
            titled = {"role": "assistant", "content": self.title}
            return web.json_response({"choices": [{"index": 0, "message": titled}]})
        self.asked.append(body)
        if self.refuses_tools and body.get("tools"):
            error = {"message": "tools param requires --jinja flag"}
            return web.json_response({"error": error}, status=400)
        say = self.answers.pop(0) if self.answers else Say("I heard you.")
        if say.refuses is not None:
            status, message = say.refuses
            return web.json_response({"error": {"message": message}}, status=status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._say(response, say)
        except ConnectionError:
            self.hung_up += 1
            raise
        return response

    async def _say(self, response: web.StreamResponse, say: Say) -> None:
        async def send(delta: dict[str, Any], finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            await response.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")

        if say.thoughts:
            await send({"reasoning_content": say.thoughts})
        for count, word in enumerate(_words(say.text)):
            if count == say.words_before:
                await self._pause(response, say)
            await send({"content": word})
        if say.words_before >= len(_words(say.text)):
            await self._pause(response, say)
        for index, (name, arguments) in enumerate(say.calls):
            written = json.dumps(arguments)
            half = len(written) // 2
            head = {"name": name, "arguments": written[:half]}
            await send({"tool_calls": [{"index": index, "id": f"c{index}", "function": head}]})
            rest = {"index": index, "function": {"arguments": written[half:]}}
            await send({"tool_calls": [rest]})
        await send({}, "tool_calls" if say.calls else say.finish)
        usage = {"prompt_tokens": 11, "completion_tokens": 7}
        await response.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode())
        await response.write(b"\n\ndata: [DONE]\n\n")

    async def _pause(self, response: web.StreamResponse, say: Say) -> None:
        if say.dies:
            transport = response._req.transport if response._req is not None else None
            assert transport is not None
            transport.abort()
            raise ConnectionResetError
        while say.holds is not None and not say.holds.is_set():
            await asyncio.sleep(_LOOK_S)
            # A comment: it finds out that nobody reads any more.
            await response.write(b": waiting\n\n")


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")][:-1] + text.split(" ")[-1:] if text else []


@contextlib.contextmanager
def talking() -> Iterator[Talker]:
    """A server in a thread of its own until the block ends."""
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    talker = Talker()

    async def serve() -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/models", talker._models)
        app.router.add_post("/v1/chat/completions", talker._chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        talker.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        over = asyncio.Event()
        opened.set_result((asyncio.get_running_loop(), over))
        await over.wait()
        await runner.cleanup()

    thread = Thread(target=asyncio.run, args=(serve(),), name="talker")
    thread.start()
    loop, over = opened.result(_STARTS_S)
    try:
        yield talker
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Talker]:
    """One for all tests of a file."""
    with talking() as running:
        yield running


@pytest.fixture
def talker(server: Talker) -> Talker:
    """The same, with nothing left of the test before."""
    server.forget()
    return server
