"""Small WebP pictures of image assets, made when somebody first asks."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image

from studio.errors import DiskFull, NotFound, StorageUnavailable
from studio.media import UNREADABLE, open_image
from studio.models import Asset
from studio.paths import atomic_write, private_folder
from studio.store.blobs import BlobStore
from studio.store.db import is_disk_full

log = logging.getLogger(__name__)

SIDE: Final = 512
MAX_DECODED_PIXELS: Final = 64 * 1024 * 1024
"""What may be in memory at once: 256 MiB at four bytes a pixel."""
_QUALITY: Final = 80
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


class Thumbnails:
    """The folder of thumbnails, ``aa/<64 hex>.webp`` by the hash of the original.

    Args:
        root: the folder, created when it is missing.
        blobs: where the originals are.
    """

    def __init__(self, *, root: Path, blobs: BlobStore) -> None:
        self._root = private_folder(root)
        self._blobs = blobs
        self._one_at_a_time = asyncio.Lock()

    async def get(self, asset: Asset) -> Path:
        """The thumbnail of an image: at most 512 pixels a side, turned upright, first frame.

        Raises:
            NotFound: the asset is no image, or one that cannot be read.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        if not asset.content_type.startswith("image/"):
            raise NotFound("Only images have thumbnails.")
        path = self._path(asset.hash)
        if await asyncio.to_thread(path.is_file):
            return path
        async with self._one_at_a_time:
            await asyncio.to_thread(self._make, asset.hash, path)
        return path

    def remove(self, blob_hash: str) -> None:
        """Forget the thumbnail of bytes that are gone. Idempotent."""
        with contextlib.suppress(OSError):
            self._path(blob_hash).unlink()

    def _path(self, blob_hash: str) -> Path:
        digest = self._blobs.path(blob_hash).name
        return self._root / digest[:2] / f"{digest}.webp"

    def _make(self, blob_hash: str, path: Path) -> None:
        if path.is_file():
            return
        original = self._blobs.path(blob_hash)
        try:
            data = render(original)
        except UNREADABLE as error:
            log.info("no thumbnail for %s: %s", blob_hash, type(error).__name__)
            raise NotFound("This image has no thumbnail.") from error
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            atomic_write(path, data)
        except OSError as error:
            if is_disk_full(error):
                raise DiskFull("There is no space left for thumbnails.") from error
            raise StorageUnavailable("The thumbnail could not be stored.") from error
        if not original.exists():
            self.remove(blob_hash)


def render(path: Path) -> bytes:
    """The thumbnail of the image at ``path``, as WebP.

    Raises:
        UNREADABLE: one of these when the image is damaged, of an unknown kind or too large.
    """
    with open_image(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        if image.width * image.height > MAX_DECODED_PIXELS:
            raise ValueError("too many pixels to decode")
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        # Palettes cannot be scaled smoothly.
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        # Shrunk before it is turned, so that turning costs little.
        small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        if orientation in _TURNS:
            small = small.transpose(_TURNS[orientation])
        out = io.BytesIO()
        small.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()
