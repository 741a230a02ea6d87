"""Requests of the editor on their way to the engine, and the answers on their way back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.types import Message, Receive, Scope, Send

from studio.clock import new_id
from studio.errors import InvalidRequest, PayloadTooLarge, StudioError
from studio.services.editor import EditorService, EditorVisit, PassageClosed, PassedAnswer
from studio.services.editor_runs import EditorRuns
from studio.services.engine import Engine
from studio.web.comfy_handover import opens_graph, with_script
from studio.web.comfy_rules import (
    Header,
    RawHeaders,
    downstream_headers,
    route_of,
    upstream_headers,
    values_of,
)

log = logging.getLogger(__name__)

MAX_CONTROL_BYTES: Final = 1 << 20
MAX_PROMPT_BYTES: Final = 64 << 20
_OF_CHANGED: Final = frozenset(
    {"accept-encoding", "if-modified-since", "if-none-match", "if-range", "range"}
)
"""What a browser asks of a page that it gets otherwise than the engine has it."""
_LOST_BY_CHANGE: Final = frozenset(
    {b"accept-ranges", b"cache-control", b"content-length", b"etag", b"last-modified"}
)
_END: Final[Message] = {"type": "http.response.body", "body": b""}


class EngineGone(StudioError):
    """The engine is not there, or hung up before it answered."""

    code, status = "engine_unreachable", 502


class Traffic:
    """Passes requests on; what concerns the engine's queue is narrowed to the editor's own runs."""

    def __init__(self, *, editor: EditorService, runs: EditorRuns) -> None:
        self._editor = editor
        self._queue = editor.queue
        self._runs = runs

    async def run(
        self,
        engine: Engine,
        visit: EditorVisit,
        target: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request that may pass.

        Raises:
            StudioError: refused, or the engine is not there; nothing was sent.
        """
        headers: RawHeaders = scope["headers"]
        has_length = bool(values_of(headers, b"content-length"))
        is_chunked = bool(values_of(headers, b"transfer-encoding"))
        if has_length and is_chunked:
            raise InvalidRequest("A body has one length.")
        exchange = _Exchange(receive, send, target, upstream_headers(headers))
        if scope["method"] == "GET" and opens_graph(scope["path"], scope["query_string"].decode()):
            await self._page(engine, exchange)
            return
        if scope["method"] != "POST":
            await self._stream(engine, scope["method"], exchange, headers)
            return
        route = route_of(scope["raw_path"])
        if route == "/prompt":
            await self._prompt(engine, visit, exchange)
        elif route in ("/queue", "/interrupt", "/history"):
            await self._narrowed(engine, route, exchange)
        elif route.startswith("/jobs/") and route.endswith("/cancel"):
            await self._cancel(engine, route, exchange)
        else:
            await self._stream(engine, "POST", exchange, headers)

    # -- what is read here -----------------------------------------------------------------------

    async def _page(self, engine: Engine, exchange: _Exchange) -> None:
        """The editor's page, whole and unpacked, with what opens a graph in it."""
        exchange.headers[:] = [pair for pair in exchange.headers if pair[0] not in _OF_CHANGED]
        try:
            async with self._editor.passage(engine).request(
                "GET", exchange.target, exchange.headers, None
            ) as answer:
                page, told = b"", _told(answer, engine)
                async for chunk in answer.chunks:
                    page += chunk
                    if len(page) > MAX_CONTROL_BYTES:
                        raise EngineGone("The engine's page is too large to be one.")
        except PassageClosed as error:
            raise _gone() from error
        if answer.status == HTTPStatus.OK and dict(told).get(b"content-type", b"").startswith(
            b"text/html"
        ):
            page = with_script(page)
            told = [pair for pair in told if pair[0] not in _LOST_BY_CHANGE]
            told += [(b"content-length", str(len(page)).encode()), (b"cache-control", b"no-store")]
        await exchange.answer(answer.status, told, page)

    async def _narrowed(self, engine: Engine, route: str, exchange: _Exchange) -> None:
        asked = _object(await exchange.whole(MAX_CONTROL_BYTES), or_empty=route == "/interrupt")
        said: dict[str, Any] | None
        if route == "/queue":
            said = await self._queue.narrow_queue(engine, asked)
        elif route == "/interrupt":
            said = await self._queue.narrow_interrupt(engine, asked)
        else:
            said = await self._queue.narrow_history(engine, asked)
        if said is None:
            # Nothing of the editor's runs: ComfyUI says as little when nothing does.
            await exchange.answer(200, downstream_headers([("content-length", "0")], ""), b"")
        else:
            await self._pass(engine, "POST", exchange, orjson.dumps(said))

    async def _cancel(self, engine: Engine, route: str, exchange: _Exchange) -> None:
        """``/api/jobs/cancel`` and ``/api/jobs/{id}/cancel``: none of these may be Studio's."""
        body = await exchange.whole(MAX_CONTROL_BYTES)
        named = _object(body).get("job_ids") if route == "/jobs/cancel" else [route.split("/")[2]]
        prompts = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
        await self._queue.check_cancel(engine, prompts)
        await self._pass(engine, "POST", exchange, body)

    async def _prompt(self, engine: Engine, visit: EditorVisit, exchange: _Exchange) -> None:
        """A run is noted before the engine hears of it, and a job as soon as it has accepted it."""
        body = await exchange.whole(MAX_PROMPT_BYTES)
        asked = _object(body)
        if asked.get("client_id") == engine.client_id:
            raise InvalidRequest("That client id is Studio's own.")
        if asked and "prompt_id" not in asked:
            # The first of the object's names; the rest of it stays as the browser wrote it.
            asked["prompt_id"] = new_id()
            body = body.replace(b"{", b'{"prompt_id":"%b",' % asked["prompt_id"].encode(), 1)
        run = await self._runs.announce(
            visit.identity, engine, str(asked.get("prompt_id")), asked.get("prompt")
        )
        try:
            async with self._editor.passage(engine).request(
                "POST", exchange.target, exchange.headers, body
            ) as answer:
                content = b"".join([chunk async for chunk in answer.chunks])
        except PassageClosed as error:
            self._runs.look_for(run)
            raise _gone() from error
        prompt_id = _prompt_id(content) if answer.status == 200 else None
        if prompt_id is not None:
            await self._runs.take_over(run, prompt_id)
        elif answer.status < 500:
            await self._runs.withdraw(run)
        else:
            self._runs.look_for(run)
        await exchange.answer(answer.status, _told(answer, engine), content)

    # -- what streams ----------------------------------------------------------------------------

    async def _stream(
        self, engine: Engine, method: str, exchange: _Exchange, headers: RawHeaders
    ) -> None:
        length = values_of(headers, b"content-length")
        if values_of(headers, b"transfer-encoding"):
            await self._pass(engine, method, exchange, exchange.chunks())
        elif length and length != ["0"]:
            exchange.headers.append(("content-length", length[0]))
            await self._pass(engine, method, exchange, exchange.chunks())
        else:
            exchange.is_read.set()
            await self._pass(engine, method, exchange, None)

    async def _pass(
        self,
        engine: Engine,
        method: str,
        exchange: _Exchange,
        body: AsyncIterator[bytes] | bytes | None,
    ) -> None:
        """Send a request on and its answer back, until either side hangs up."""
        working = asyncio.create_task(self._forward(engine, method, exchange, body))
        leaving = asyncio.create_task(exchange.abandoned())
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        except PassageClosed as error:
            if not exchange.started:
                raise _gone() from error
            # The answer stays unfinished, and so the server breaks it off as well.
            log.info("the engine broke an answer off: %s", error)
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)

    async def _forward(
        self,
        engine: Engine,
        method: str,
        exchange: _Exchange,
        body: AsyncIterator[bytes] | bytes | None,
    ) -> None:
        async with self._editor.passage(engine).request(
            method, exchange.target, exchange.headers, body
        ) as answer:
            await exchange.start(answer.status, _told(answer, engine))
            async for chunk in answer.chunks:
                await exchange.send(
                    {"type": "http.response.body", "body": chunk, "more_body": True}
                )
        await exchange.send(_END)


class _Exchange:
    """One request of a browser's and the answer to it."""

    def __init__(self, receive: Receive, send: Send, target: str, headers: list[Header]) -> None:
        self._receive = receive
        self.send = send
        self.target = target
        self.headers = headers
        self.started = False
        self.is_read = asyncio.Event()
        """Nobody else will read the request's body any more."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            PassageClosed: the browser hung up before its end.
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise PassageClosed("the browser hung up")
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]
        self.is_read.set()

    async def whole(self, limit_bytes: int) -> bytes:
        """All of a body that must be read before it goes on.

        Raises:
            PayloadTooLarge, InvalidRequest.
        """
        parts, size = [], 0
        try:
            async for chunk in self.chunks():
                size += len(chunk)
                if size > limit_bytes:
                    raise PayloadTooLarge(f"The body is larger than {limit_bytes} bytes.")
                parts.append(chunk)
        except PassageClosed as error:
            raise InvalidRequest("The connection closed before the whole request came.") from error
        return b"".join(parts)

    async def abandoned(self) -> None:
        """Until the browser has hung up."""
        await self.is_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.start(status, headers)
        await self.send({"type": "http.response.body", "body": body})


def _told(answer: PassedAnswer, engine: Engine) -> list[tuple[bytes, bytes]]:
    return downstream_headers(answer.headers, engine.setting.url)


def _object(body: bytes, *, or_empty: bool = False) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        InvalidRequest: it is none; with ``or_empty`` it counts as an empty one.
    """
    content: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        content = orjson.loads(body)
    if isinstance(content, dict):
        return content
    if or_empty:
        return {}
    raise InvalidRequest("The body must be a JSON object.")


def _prompt_id(answer: bytes) -> str | None:
    with contextlib.suppress(InvalidRequest):
        named = _object(answer).get("prompt_id")
        return named if isinstance(named, str) else None
    return None


def _gone() -> EngineGone:
    return EngineGone("The engine cannot be reached. It may be starting.", retry_after_s=5)
