"""``/view``: the files in the engine's folders."""

from __future__ import annotations

import asyncio
import mimetypes
from io import BytesIO
from pathlib import Path

from aiohttp import web
from PIL import Image

from studio.embedded.folders import Folders, is_within

_PREVIEW_FORMATS = ("webp", "jpeg")
_DEFAULT_QUALITY = 90
_ACTIVE_TYPES = frozenset(
    (
        "text/html",
        "text/html-sandboxed",
        "text/javascript",
        "text/css",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "message/rfc822",
    )
)


class ViewRoutes:
    """Serves files by name, subfolder and type."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/view", self._view)]

    async def _view(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if "filename" not in query:
            return web.Response(status=404)
        path = self._resolve(query["filename"], query.get("type", "output"), query.get("subfolder"))
        if isinstance(path, int):
            return web.Response(status=path)
        if not path.is_file():
            return web.Response(status=404)
        channel = query.get("channel", "")
        if "preview" in query:
            body, kind = await asyncio.to_thread(_render_preview, path, query["preview"], channel)
        elif channel in ("rgb", "a"):
            body, kind = await asyncio.to_thread(_render_channel, path, channel), "image/png"
        else:
            return _send_file(path, request.headers.get("Sec-Fetch-Dest"))
        headers = {"Content-Disposition": f'filename="{_quoted(path.name)}"'}
        return web.Response(body=body, content_type=kind, headers=headers)

    def _resolve(self, filename: str, kind: str, subfolder: str | None) -> Path | int:
        """Return the path that is meant, or the status of the refusal."""
        name, base = self._folders.split_mark(filename)
        if not name or name.startswith("/") or ".." in name or "\0" in name + (subfolder or ""):
            return 400
        base = base or self._folders.by_type(kind)
        if base is None:
            return 400
        folder = base / (subfolder or "")
        path = folder / Path(name).name
        if not (is_within(base, folder) and is_within(base, path)):
            return 403
        return path


def _render_preview(path: Path, wanted: str, channel: str) -> tuple[bytes, str]:
    parts = wanted.split(";")
    kind = parts[0] if parts[0] in _PREVIEW_FORMATS and "a" not in channel else "webp"
    quality = int(parts[-1]) if parts[-1].isdigit() else _DEFAULT_QUALITY
    with Image.open(path) as image:
        shown = image.convert("RGB") if kind == "jpeg" or channel == "rgb" else image
        return _encode(shown, kind, quality=quality), f"image/{kind}"


def _render_channel(path: Path, channel: str) -> bytes:
    with Image.open(path) as image:
        if channel == "rgb":
            return _encode(image.convert("RGB"), "png")
        alpha = image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, 255)
        shown = Image.new("RGBA", image.size)
        shown.putalpha(alpha)
        return _encode(shown, "png")


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def _send_file(path: Path, destination: str | None) -> web.FileResponse:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    disposition = f'filename="{_quoted(path.name)}"'
    headers = {"X-Content-Type-Options": "nosniff"}
    if _is_active(kind):
        # A page that the browser would run must not be shown in this engine's origin. An SVG
        # inside an <img> cannot run anything; the answer then depends on who asks.
        headers |= {"Vary": "Sec-Fetch-Dest", "Cache-Control": "no-store"}
        if not (kind == "image/svg+xml" and destination == "image"):
            kind, disposition = "application/octet-stream", f"attachment; {disposition}"
    headers |= {"Content-Disposition": disposition, "Content-Type": kind}
    return web.FileResponse(path, headers=headers)


def _is_active(kind: str) -> bool:
    return kind in _ACTIVE_TYPES or kind.endswith(("+xml", "/xml"))


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
