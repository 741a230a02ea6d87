"""The page for people: a fixed table of files, read once at the start."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import NotFound
from studio.web import system_schemas as schemas
from studio.web.links import Links
from studio.web.respond import json_response

FRONTEND: Final = Path(__file__).resolve().parents[2] / "frontend"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_PAGE: Final = "index.html"
_LEAST_GAIN: Final = 0.9
_WORKERS: Final = "js/workers/"
_SERVICE_WORKER: Final = "sw.js"
_NOT_OF_THE_PAGE: Final = (
    "api/", "editor/", "share/", "vendor/swagger-ui/", _SERVICE_WORKER, _PAGE
)  # fmt: skip
_SERVICE_WORKERS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
)
_WORKERS_POLICY: Final = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
"""A worker obeys the policy of its own answer, not that of the page."""


class _File:
    """One file as it is sent: plain, and by gzip where that is shorter."""

    def __init__(self, content_type: str, plain: bytes) -> None:
        self.content_type = content_type
        self.plain = plain
        self.tag = hashlib.blake2s(self.plain, digest_size=12).hexdigest()
        self._packed: bytes | None = None

    async def packed(self) -> bytes | None:
        """By gzip; made when it is first asked for, since the start of Studio waits for nobody."""
        if self._packed is None:
            self._packed = await asyncio.to_thread(gzip.compress, self.plain, 9, mtime=0)
        return self._packed if len(self._packed) < len(self.plain) * _LEAST_GAIN else None


class StaticFiles:
    """Every file below a folder that a browser loads, by its name there, read once."""

    def __init__(self, folder: Path = FRONTEND) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _File(_TYPES[path.suffix], path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES and path.is_file()
        }
        worker = self._files.get(_SERVICE_WORKER)
        if worker is not None:
            text = self._told().encode() + worker.plain
            self._files[_SERVICE_WORKER] = _File(worker.content_type, text)

    def _told(self) -> str:
        """What the service worker is told: the files of the page, and a version of them all."""
        names = [name for name in self._files if not name.startswith(_NOT_OF_THE_PAGE)]
        tags = [self._files[name].tag for name in (_PAGE, *names)]
        version = hashlib.blake2s("".join(tags).encode(), digest_size=12).hexdigest()
        return f"self.studio = {json.dumps({'version': version, 'files': names})};\n"

    async def answer(self, name: str, request: Request) -> Response:
        """One file, or that it is still the same.

        Raises:
            NotFound: there is no such file.
        """
        file = self._files.get(name)
        if file is None:
            raise NotFound("There is nothing at this address.")
        return await _answer(file, request)


def page_policy(base: str) -> str:
    """The page's Content-Security-Policy.

    Args:
        base: scheme and authority of the page. Its WebSocket is named as well, since not every
            browser counts that as ``'self'``.
    """
    socket = "ws" + base.removeprefix("http")
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            f"connect-src 'self' {socket}",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types lit-html studio-worker",
        )
    )


def page_routes(*, links: Links, version: str, files: StaticFiles) -> APIRouter:
    """``/`` and ``/static/``, open to everybody."""
    router = APIRouter(tags=["System"])

    @router.head("/", include_in_schema=False)
    @router.get("/", summary="The page for people; what this is for programs", **schemas.GET_ROOT)
    async def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            answer = await files.answer(_PAGE, request)
            answer.headers["Content-Security-Policy"] = page_policy(links.base(request))
        else:
            answer = json_response(
                {"name": "Studio", "version": version, "openapi": "/api/openapi.json"}
            )
        answer.headers["Vary"] = "Accept, Accept-Encoding"
        return answer

    @router.head("/static/{name:path}", include_in_schema=False)
    @router.get("/static/{name:path}", include_in_schema=False)
    async def static(request: Request, name: str) -> Response:
        answer = await files.answer(name, request)
        if name.startswith(_WORKERS):
            answer.headers["Content-Security-Policy"] = _WORKERS_POLICY
        elif name == _SERVICE_WORKER:
            answer.headers["Content-Security-Policy"] = _SERVICE_WORKERS_POLICY
            # It opens the page at ``/``, above its own folder.
            answer.headers["Service-Worker-Allowed"] = "/"
        return answer

    return router


async def _answer(file: _File, request: Request) -> Response:
    accepted = {
        coding.partition(";")[0].strip()
        for coding in request.headers.get("accept-encoding", "").split(",")
        if not coding.replace(" ", "").endswith(";q=0")
    }
    body, coding = file.plain, ""
    if "gzip" in accepted and (packed := await file.packed()) is not None:
        body, coding = packed, "gzip"
    tag = f'"{file.tag}{"-" + coding if coding else ""}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if tag in {each.strip().removeprefix("W/") for each in known.split(",")}:
        return Response(status_code=304, headers=headers)
    if coding:
        headers["Content-Encoding"] = coding
    headers["Content-Type"] = file.content_type
    return Response(body, headers=headers)
