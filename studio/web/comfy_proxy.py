"""ComfyUI's own frontend behind Studio's door: a pure ASGI application for a port of its own.

Whoever comes in has a cookie of this port, got for a code that Studio handed out. What goes on to
the engine says nothing of who that is.
"""

from __future__ import annotations

import contextlib
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.types import Receive, Scope, Send

from studio.clock import new_id
from studio.errors import InvalidRequest, MethodNotAllowed, StudioError, Unauthorized
from studio.logs import request_id
from studio.services.editor import EditorService, EditorVisit
from studio.services.editor_graphs import EditorGraphs
from studio.services.editor_runs import EditorRuns
from studio.settings import Settings
from studio.web.comfy_handover import PREFIX, Handover, page_address, read_source
from studio.web.comfy_proxy_ws import SocketRelay
from studio.web.comfy_rules import (
    RawHeaders,
    check_origin,
    check_target,
    cookies_of,
    origin_of,
    values_of,
)
from studio.web.comfy_traffic import Traffic
from studio.web.plain_page import POLICY, plain_page
from studio.web.respond import error_body, error_headers

ENTER_PATH: Final = "/_studio/enter"
MAX_FRAME_BYTES: Final = 64 << 20
"""What the server in front of this port must let through."""
_OWN_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class ComfyProxy:
    """The editor's port.

    Args:
        settings: of the opened ports; ``public_url`` and ``comfy_public_url`` where they are known,
            else each request's own host counts.
        check_s: seconds after which an open WebSocket's visit is asked whether it goes on.
    """

    def __init__(
        self,
        *,
        editor: EditorService,
        runs: EditorRuns,
        graphs: EditorGraphs,
        settings: Settings,
        check_s: float,
    ) -> None:
        public_url = settings.comfy_public_url
        self._editor = editor
        self._handover = Handover(graphs)
        self._traffic = Traffic(editor=editor, runs=runs)
        self._relay = SocketRelay(editor=editor, check_s=check_s)
        self._public_origin = origin_of(public_url) if public_url is not None else None
        self._studio_url = settings.public_url
        self._studio_port = settings.port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = request_id.set(new_id())
        try:
            await self._serve(scope, receive, send)
        except StudioError as error:
            await self._refuse(scope, send, error)
        finally:
            request_id.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything is judged before the engine hears of it."""
        is_socket = scope["type"] == "websocket"
        headers: RawHeaders = scope["headers"]
        method = "GET" if is_socket else scope["method"]
        target = check_target(method, scope["raw_path"], scope["query_string"])
        origin = self._origin(scope)
        if not is_socket and scope["path"] == ENTER_PATH:
            await self._enter(scope, origin, send)
            return
        visit = scope["studio.visit"] = self._visit(headers, origin)
        check_origin("POST" if is_socket else method, headers, origin)
        if not is_socket and scope["path"].startswith(PREFIX):
            await self._own(scope, visit, send)
            return
        engine = self._editor.engine()
        passing = self._relay if is_socket else self._traffic
        await passing.run(engine, visit, target, scope, receive, send)

    def _origin(self, scope: Scope) -> str:
        """Scheme, host and port under which the browser sees this port."""
        if self._public_origin is not None:
            return self._public_origin
        hosts = values_of(scope["headers"], b"host")
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        origin = origin_of(f"{scheme}://{hosts[0]}") if len(hosts) == 1 else None
        if origin is None:
            raise InvalidRequest("A request names one host.")
        return origin

    def _visit(self, headers: RawHeaders, origin: str) -> EditorVisit:
        for token in cookies_of(headers, cookie_name(origin)):
            visit = self._editor.visit(token)
            if visit is not None:
                return visit
        raise Unauthorized(
            "Open it from Studio. It is the owner's alone, and closes when their session ends."
        )

    async def _own(self, scope: Scope, visit: EditorVisit, send: Send) -> None:
        """What is Studio's on this port; the engine hears nothing of it."""
        query = scope["query_string"].decode("ascii")
        kind, body = await self._handover.answer(
            visit.identity, scope["method"], scope["path"], query
        )
        headers = [
            *_OWN_HEADERS,
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _enter(self, scope: Scope, origin: str, send: Send) -> None:
        """Use up a code for a cookie, and go on to the editor itself."""
        if scope["method"] != "GET":
            raise MethodNotAllowed("A code is used with GET.")
        query = scope["query_string"].decode("ascii")
        codes, opened = parse_qs(query).get("code", []), read_source(query)
        token = await self._editor.enter(codes[0]) if len(codes) == 1 else None
        page = page_address(opened).encode()
        headers = [*_OWN_HEADERS, (b"location", page), (b"content-length", b"0")]
        if token is None:
            # Who comes back to an old link may be in already; everybody else is refused.
            self._visit(scope["headers"], origin)
        else:
            name = cookie_name(origin)
            secure = "; Secure" if name.startswith("__Host-") else ""
            cookie = f"{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"
            headers.append((b"set-cookie", cookie.encode("ascii")))
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _refuse(self, scope: Scope, send: Send, error: StudioError) -> None:
        """A sentence: on a page for people, in the usual envelope for programs."""
        if scope["type"] == "websocket":
            # Before the accept this is a 403 of the handshake.
            await send({"type": "websocket.close", "code": 4403, "reason": error.message[:100]})
            return
        accepted = ",".join(values_of(scope["headers"], b"accept"))
        if "text/html" in accepted:
            kind, body = b"text/html; charset=utf-8", self._page(scope, error)
        else:
            kind, body = b"application/json", orjson.dumps(error_body(error))
        headers = [
            *_OWN_HEADERS,
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            *(
                (key.lower().encode(), value.encode())
                for key, value in error_headers(error).items()
            ),
        ]
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})

    def _page(self, scope: Scope, error: StudioError) -> bytes:
        url = self._studio_url
        if url is None:
            with contextlib.suppress(InvalidRequest):
                parts = urlsplit(self._origin(scope))
                url = f"{parts.scheme}://{parts.hostname}:{self._studio_port}"
        link = None if url is None else (url, "Go to Studio")
        return plain_page("ComfyUI", "ComfyUI is not open here", error.message, link=link)


def cookie_name(origin: str) -> str:
    """The editor's cookie: bound to its host where the browser can hold it so."""
    return "__Host-studio-editor" if origin.startswith("https:") else "studio-editor"
