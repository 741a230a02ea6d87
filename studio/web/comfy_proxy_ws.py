"""WebSockets between a browser in the editor and the engine."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from studio.errors import Forbidden, StudioError
from studio.services.editor import (
    EditorService,
    EditorVisit,
    PassageClosed,
    PassedClose,
    PassedSocket,
)
from studio.services.engine import Engine
from studio.waits import set_within
from studio.web.comfy_rules import upstream_headers

SESSION_ENDED: Final = 4401
_GOING_AWAY: Final = 1001


class SocketRefused(StudioError):
    """The engine does not open a WebSocket there."""

    code, status = "engine_unreachable", 502


class SocketRelay:
    """Carries frames both ways; a browser is let in only once the engine has let us in.

    Args:
        check_s: seconds after which a visit is asked whether it goes on.
    """

    def __init__(self, *, editor: EditorService, check_s: float) -> None:
        self._editor = editor
        self._check_s = check_s

    async def run(
        self,
        engine: Engine,
        visit: EditorVisit,
        target: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Relay one WebSocket until one of the three ends: browser, engine or visit.

        Raises:
            Forbidden, SocketRefused: nothing was accepted.
        """
        named = parse_qs(scope["query_string"].decode("ascii")).get("clientId", [])
        if engine.client_id in named:
            # The engine would send Studio's frames there, and no longer to Studio.
            raise Forbidden("That client id is Studio's own.")
        try:
            upstream = await self._editor.passage(engine).connect(
                target, upstream_headers(scope["headers"]), scope.get("subprotocols", ())
            )
        except PassageClosed as error:
            raise SocketRefused("The engine does not open this WebSocket.") from error
        close = PassedClose(_GOING_AWAY)
        try:
            await receive()
            await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
            close = await self._carry(engine, upstream, visit, receive, send)
        finally:
            await upstream.close(close.code, close.reason)

    async def _carry(
        self,
        engine: Engine,
        upstream: PassedSocket,
        visit: EditorVisit,
        receive: Receive,
        send: Send,
    ) -> PassedClose:
        """Frames both ways until an end, which the browser is told; return it."""
        out = asyncio.create_task(_to_engine(upstream, receive))
        back = asyncio.create_task(self._to_browser(engine, upstream, send))
        visiting = asyncio.create_task(self._visit_over(visit))
        tasks = (out, back, visiting)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        close = next(iter(done)).result()
        if out not in done:
            with contextlib.suppress(RuntimeError, OSError):
                await send(
                    {"type": "websocket.close", "code": close.code, "reason": close.reason[:100]}
                )
        return close

    async def _to_browser(self, engine: Engine, upstream: PassedSocket, send: Send) -> PassedClose:
        while True:
            frame = await upstream.receive()
            if isinstance(frame, PassedClose):
                return frame
            self._editor.overhear(engine, frame)
            kind = "text" if isinstance(frame, str) else "bytes"
            try:
                await send({"type": "websocket.send", kind: frame})
            except OSError:
                # The browser is gone, and the other task hears of it as well.
                return PassedClose(_GOING_AWAY)

    async def _visit_over(self, visit: EditorVisit) -> PassedClose:
        while self._editor.still_open(visit):
            await set_within(visit.ended, self._check_s)
        return PassedClose(SESSION_ENDED, "The session has ended.")


async def _to_engine(upstream: PassedSocket, receive: Receive) -> PassedClose:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return PassedClose(message.get("code") or _GOING_AWAY, message.get("reason") or "")
        text = message.get("text")
        try:
            await upstream.send(text if text is not None else message["bytes"])
        except PassageClosed:
            return PassedClose(_GOING_AWAY)
