"""``/upload/image`` and ``/upload/mask``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.embedded.folders import Folders, is_within

Save = Callable[[bytes, Path], None]


class UploadRoutes:
    """Takes files into the engine's folders."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/upload/image", self._upload_image),
            web.post("/upload/mask", self._upload_mask),
        ]

    async def _upload_image(self, request: web.Request) -> web.Response:
        return await self._store(await request.post(), _write)

    async def _upload_mask(self, request: web.Request) -> web.Response:
        form = await request.post()
        original = self._original(json.loads(str(form["original_ref"])))

        def save(content: bytes, path: Path) -> None:
            if original is not None:
                _write_masked(original, content, path)

        return await self._store(form, save)

    async def _store(self, form: Any, save: Save) -> web.Response:
        upload = form.get("image")
        if not isinstance(upload, web.FileField) or not upload.filename:
            return web.Response(status=400)
        kind = str(form.get("type") or "input")
        base = self._folders.by_type(kind)
        subfolder = str(form.get("subfolder", ""))
        if base is None or Path(upload.filename).name != upload.filename:
            return web.Response(status=400)
        folder = base / subfolder
        target = folder / upload.filename
        if not (is_within(base, folder) and is_within(base, target)):
            return web.Response(status=400)
        overwrite = form.get("overwrite") in ("true", "1")
        content = upload.file.read()
        name = await asyncio.to_thread(_place, target, content, save, overwrite)
        return web.json_response({"name": name, "subfolder": subfolder, "type": kind})

    def _original(self, reference: dict[str, Any]) -> Path | None:
        """Return the picture that a mask belongs to; None when it may not or cannot be read."""
        name, base = self._folders.split_mark(str(reference["filename"]))
        base = base or self._folders.by_type(str(reference.get("type", "output")))
        if not name or name.startswith("/") or ".." in name or base is None:
            return None
        path = base / str(reference.get("subfolder", "")) / name
        return path if is_within(base, path) and path.is_file() else None


def _place(target: Path, content: bytes, save: Save, overwrite: bool) -> str:
    """Save under the name, or a numbered one when another file has it, and return that name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path, number = target, 1
    while not overwrite and path.exists():
        if path.read_bytes() == content:
            return path.name
        path = target.with_name(f"{target.stem} ({number}){target.suffix}")
        number += 1
    save(content, path)
    return path.name


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _write_masked(original: Path, mask: bytes, path: Path) -> None:
    """Save the original picture with the alpha channel of the mask."""
    with Image.open(original) as picture, Image.open(BytesIO(mask)) as drawn:
        metadata = PngInfo()
        for key, value in getattr(picture, "text", {}).items():
            metadata.add_text(key, value)
        result = picture.convert("RGBA")
        result.putalpha(drawn.convert("RGBA").getchannel("A"))
        result.save(path, compress_level=4, pnginfo=metadata)
