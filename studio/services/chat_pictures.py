"""Pictures as language models take them: small JPEG, inside the request."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from pathlib import Path
from typing import Final

from PIL import Image

from studio.errors import NotFound
from studio.media import UNREADABLE
from studio.models import Identity
from studio.services.assets import AssetService
from studio.services.thumbnails import shrunk

log = logging.getLogger(__name__)

SIDE: Final = 1024
"""Pixels of the longer side: models look no closer, and every one costs time and memory."""
_QUALITY: Final = 85


class ChatPictures:
    """Turns assets into data URLs."""

    def __init__(self, assets: AssetService) -> None:
        self._assets = assets
        # One at a time: each may take 256 MiB while it is decoded.
        self._one_at_a_time = asyncio.Lock()

    async def url(self, identity: Identity, asset_id: str) -> str | None:
        """The picture as a data URL; ``None`` when it is gone or cannot be read."""
        try:
            asset, path = await self._assets.open_content(identity, asset_id)
        except NotFound:
            return None
        if asset.user_id != identity.user_id or not asset.content_type.startswith("image/"):
            return None
        try:
            async with self._one_at_a_time:
                data = await asyncio.to_thread(_jpeg, path)
        except UNREADABLE as error:
            log.info("a picture cannot be shown to a model: %s", type(error).__name__)
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _jpeg(path: Path) -> bytes:
    small = shrunk(path, SIDE)
    if small.mode == "RGBA":
        ground = Image.new("RGB", small.size, "white")
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
