"""Files on their way to strangers, without what they carry, and those that strangers send."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.errors import PayloadTooLarge, Unprocessable
from studio.graphs.carriers.cleaning import Patch, cleaning
from studio.media import sniff
from studio.models import Asset
from studio.services.assets import AssetService
from studio.services.shares import maker_of
from studio.store.shares import Share

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Handed:
    """A file that is handed out, and what is overwritten on the way.

    ``patches`` of ``None``: it was not or cannot be cleaned, so only a small picture of it may go.
    """

    asset: Asset
    path: Path
    patches: Sequence[Patch] | None


async def hand(assets: AssetService, share: Share, asset_id: str, *, small: bool = False) -> Handed:
    """A file that a link was found to show.

    Args:
        small: only a small picture of it is wanted, which carries nothing, so it is not cleaned.

    Raises:
        NotFound: the link's maker may not read it any more.
    """
    asset, path = await assets.open_content(maker_of(share), asset_id)
    if small:
        return Handed(asset, path, None)
    patches = [] if share.with_recipe else await asyncio.to_thread(_cleaning, path)
    return Handed(asset, path, patches)


def _cleaning(path: Path) -> Sequence[Patch] | None:
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return cleaning(data)
        except ValueError:
            # Nothing can be mapped of an empty file.
            return None


async def media(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, as long as it is a picture, video or sound of a bounded size."""
    head, size = b"", 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            raise PayloadTooLarge(
                f"A file has at most {MAX_FILE_BYTES >> 20} MiB here.",
                details={"max_bytes": MAX_FILE_BYTES},
            )
        if len(head) >= _HEAD_BYTES:
            yield chunk
            continue
        head += chunk
        if len(head) >= _HEAD_BYTES:
            _check_media(head)
            yield head
    if len(head) < _HEAD_BYTES:
        _check_media(head)
        yield head


def _check_media(head: bytes) -> None:
    kind = sniff(head[:_HEAD_BYTES], "")
    if not kind.startswith(("image/", "video/", "audio/")) or kind == "image/svg+xml":
        raise Unprocessable(
            "Only pictures, videos and sounds can be sent here.", details={"field": "file"}
        )
