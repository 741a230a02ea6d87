"""Answers that may take minutes: a JSON body with white space before it, or a stream.

What is in between a client and Studio ends connections on which nothing comes for a while, and JSON
may begin with white space. So after a pause the head is sent, with 200, and then something at every
further pause. What goes wrong before that has its own status; later it is in the body.

A stream holds whoever writes it for as long as it is read, and others wait for the same: a reader
who stops reading is let go of.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from studio.errors import StudioError
from studio.web.connections import DROP
from studio.web.respond import error_body

PAUSE_S: Final = 15.0
UNREAD_S: Final = 60.0
"""How long a stream's reader may leave unread what waits for them."""


class PatientAnswer(Response):
    """The JSON of what ``work`` returns. The end of the connection, or of ``is_live``, ends it.

    Args:
        work: raises StudioError for what is refused.
        is_live: whether the caller would still be let in.
        pause_s: how long nothing may come.
    """

    media_type = "application/json"

    def __init__(
        self,
        work: Coroutine[Any, Any, Mapping[str, Any]],
        *,
        is_live: Callable[[], bool],
        pause_s: float = PAUSE_S,
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._work = work
        self._is_live = is_live
        self._pause_s = pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False
        async with _until_gone(receive, self._work) as (working, gone):
            while not working.done():
                await asyncio.wait(
                    {working, gone}, timeout=self._pause_s, return_when=asyncio.FIRST_COMPLETED
                )
                if working.done():
                    break
                if gone.done() or not self._is_live():
                    return
                if not has_begun:
                    has_begun = True
                    await _begin(self, send)
                await _more(send, b" ")
            try:
                body = orjson.dumps(working.result())
            except StudioError as error:
                if not has_begun:
                    raise
                body = orjson.dumps(error_body(error, scope["path"]))
            if not has_begun:
                self.headers["content-length"] = str(len(body))
                await _begin(self, send)
            await send({"type": "http.response.body", "body": body})


class PatientStream(Response):
    """Server-sent events: each of ``chunks``, and ``[DONE]`` at their end, as OpenAI's are.

    Closing ``chunks`` has to stop whatever writes them; it is closed when the reader is gone, or
    reads no more.

    Args:
        chunks: raises StudioError for what is refused, and for what broke off.
        is_live: whether the caller would still be let in.
        pause_s: how long nothing may come; so often it is looked whether anybody reads.
        unread_s: how long the reader may leave unread what waits for them.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        chunks: AsyncGenerator[dict[str, Any], None],
        *,
        is_live: Callable[[], bool],
        pause_s: float = PAUSE_S,
        unread_s: float = UNREAD_S,
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._chunks = chunks
        self._is_live = is_live
        self._pause_s = pause_s
        self._unread_s = unread_s
        self._waits_since_s: float | None = None
        """Since when a frame waits for earlier ones to be read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with _until_gone(receive, self._send(scope, send)) as (sending, gone):
            while not (sending.done() or gone.done()):
                await asyncio.wait(
                    {sending, gone}, timeout=self._pause_s, return_when=asyncio.FIRST_COMPLETED
                )
                if self._is_unread():
                    break
            if sending.done():
                sending.result()
            elif not gone.done() and (drop := scope.get(DROP)) is not None:
                # Closed in the ordinary way it would wait for its reader for ever.
                drop()

    def _is_unread(self) -> bool:
        if self._waits_since_s is None:
            return False
        waits_s = asyncio.get_running_loop().time() - self._waits_since_s
        return waits_s >= self._unread_s or not self._is_live()

    async def _send(self, scope: Scope, to_reader: Send) -> None:
        async def send(message: Message) -> None:
            self._waits_since_s = asyncio.get_running_loop().time()
            await to_reader(message)
            self._waits_since_s = None

        has_begun = False
        asking: asyncio.Task[dict[str, Any] | None] | None = None
        try:
            while self._is_live():
                if asking is None:
                    asking = asyncio.create_task(anext(self._chunks, None))
                await asyncio.wait({asking}, timeout=self._pause_s)
                frame = b": alive\n\n"
                is_last = False
                if asking.done():
                    try:
                        chunk = asking.result()
                    except StudioError as error:
                        if not has_begun:
                            raise
                        chunk, is_last = error_body(error, scope["path"]), True
                    frame = b"data: " + (b"[DONE]" if chunk is None else orjson.dumps(chunk))
                    frame += b"\n\n"
                    is_last = is_last or chunk is None
                    asking = None
                if not has_begun:
                    has_begun = True
                    await _begin(self, send)
                await _more(send, frame)
                if is_last:
                    break
            if has_begun:
                await send({"type": "http.response.body", "body": b""})
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            await self._chunks.aclose()


@contextlib.asynccontextmanager
async def _until_gone(
    receive: Receive, work: Coroutine[Any, Any, Any]
) -> AsyncGenerator[tuple[asyncio.Task[Any], asyncio.Task[None]], None]:
    working, gone = asyncio.create_task(work), asyncio.create_task(_hung_up(receive))
    try:
        yield working, gone
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _begin(response: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})


async def _more(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
