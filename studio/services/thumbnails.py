"""Small WebP pictures of images and videos, made when somebody first asks."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from pathlib import Path
from typing import Final, Literal, Protocol

from PIL import ExifTags, Image

from studio.clients.video import VideoReader
from studio.errors import DiskFull, NotFound, StorageUnavailable
from studio.media import UNREADABLE, open_image
from studio.paths import atomic_write, private_folder
from studio.store.blobs import BlobStore
from studio.store.connection import is_disk_full

log = logging.getLogger(__name__)

Size = Literal["small", "large"]
SIDES: Final[dict[Size, int]] = {"large": 768, "small": 256}
"""Pixels of the longer side: for one picture in a window, and for a grid."""
MAX_DECODED_PIXELS: Final = 64 * 1024 * 1024
"""What may be in memory at once: 256 MiB at four bytes a pixel."""
_QUALITY: Final = 80
_MAX_UNREADABLE: Final = 1000
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""


class Pictured(Protocol):
    """What can have a thumbnail: bytes by their hash, and what they are."""

    @property
    def hash(self) -> str: ...

    @property
    def content_type(self) -> str: ...


class Thumbnails:
    """The folder of thumbnails, ``aa/<64 hex>-<side>.webp`` by the hash of the original.

    Args:
        root: the folder, created when it is missing.
        blobs: where the originals are.
    """

    def __init__(self, *, root: Path, blobs: BlobStore) -> None:
        self._root = private_folder(root)
        self._blobs = blobs
        self._videos = VideoReader()
        # One of each at a time; a video that takes long holds up no image.
        self._images, self._posters = asyncio.Lock(), asyncio.Lock()
        # By hash, the latest last: a damaged video may take long each time it is tried.
        self._unreadable: dict[str, None] = {}

    async def get(self, asset: Pictured, size: Size) -> Path:
        """The thumbnail of an image: upright, of the first frame.

        Raises:
            NotFound: the asset is no image, or one that cannot be read.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        if not asset.content_type.startswith("image/"):
            raise NotFound("Only images have thumbnails.")
        return await self._made(asset, size, self._images)

    async def poster(self, asset: Pictured, size: Size) -> Path:
        """The thumbnail of a video: upright, from near its beginning.

        Raises:
            NotFound: the asset is no video, or one that cannot be read.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        if not asset.content_type.startswith("video/"):
            raise NotFound("Only videos have posters.")
        return await self._made(asset, size, self._posters)

    async def cover(self, asset: Pictured, size: Size) -> Path:
        """What stands for an image or a video: its thumbnail or its poster.

        Raises:
            NotFound, DiskFull, StorageUnavailable: as those do.
        """
        is_video = asset.content_type.startswith("video/")
        return await (self.poster if is_video else self.get)(asset, size)

    def remove(self, blob_hash: str) -> None:
        """Forget the thumbnails of bytes that are gone. Idempotent."""
        for side in SIDES.values():
            with contextlib.suppress(OSError):
                self._path(blob_hash, side).unlink()

    def _path(self, blob_hash: str, side: int) -> Path:
        digest = self._blobs.path(blob_hash).name
        return self._root / digest[:2] / f"{digest}-{side}.webp"

    async def _made(self, asset: Pictured, size: Size, one_at_a_time: asyncio.Lock) -> Path:
        side = SIDES[size]
        path = self._path(asset.hash, side)
        if await asyncio.to_thread(path.is_file):
            return path
        async with one_at_a_time:
            if asset.hash in self._unreadable:
                raise NotFound("This file has no thumbnail.")
            # Whoever was before may have made this very one.
            if not await asyncio.to_thread(path.is_file):
                try:
                    data = await self._render(asset, side)
                except NotFound:
                    self._note_unreadable(asset.hash)
                    raise
                await asyncio.to_thread(self._store, asset.hash, path, data)
        return path

    def _note_unreadable(self, blob_hash: str) -> None:
        self._unreadable[blob_hash] = None
        if len(self._unreadable) > _MAX_UNREADABLE:
            del self._unreadable[next(iter(self._unreadable))]

    async def _render(self, asset: Pictured, side: int) -> bytes:
        original = self._blobs.path(asset.hash)
        if asset.content_type.startswith("video/"):
            frame = await self._videos.frame(original, asset.content_type, side)
            if frame is None:
                raise NotFound("This video has no poster.")
            return frame
        try:
            return await asyncio.to_thread(render, original, side)
        except UNREADABLE as error:
            log.info("no thumbnail for %s: %s", asset.hash, type(error).__name__)
            raise NotFound("This image has no thumbnail.") from error

    def _store(self, blob_hash: str, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            atomic_write(path, data)
        except OSError as error:
            if is_disk_full(error):
                raise DiskFull("There is no space left for thumbnails.") from error
            raise StorageUnavailable("The thumbnail could not be stored.") from error
        if not self._blobs.path(blob_hash).exists():
            self.remove(blob_hash)


def render(path: Path, side: int) -> bytes:
    """The thumbnail of the image at ``path``, at most ``side`` pixels a side, as WebP.

    Raises:
        UNREADABLE: one of these when the image is damaged, of an unknown kind or too large.
    """
    out = io.BytesIO()
    shrunk(path, side).save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


def shrunk(path: Path, side: int) -> Image.Image:
    """The first frame of the image at ``path``, upright, at most ``side`` pixels a side.

    Raises:
        UNREADABLE: see ``render``.
    """
    with open_image(path) as image:
        image.draft("RGB", (side, side))
        if image.width * image.height > MAX_DECODED_PIXELS:
            raise ValueError("too many pixels to decode")
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        # Palettes cannot be scaled smoothly.
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        # Shrunk before it is turned, so that turning costs little.
        small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        if orientation in _TURNS:
            small = small.transpose(_TURNS[orientation])
    return small
