"""Pictures in another format or size, for those who asked for one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from PIL import Image, ImageOps

from studio.errors import Unprocessable
from studio.media import IMAGE_FORMATS, UNREADABLE

Format = Literal["png", "jpeg", "webp"]
FORMATS: Final[tuple[Format, ...]] = ("png", "jpeg", "webp")
MAX_DECODED_PIXELS: Final = 64 * 1024 * 1024
"""What may be in memory at once: 256 MiB at four bytes a pixel."""


class PictureFormats:
    """Makes one picture at a time: each may need a lot of memory."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def converted(
        self,
        source: Path | bytes,
        target: Format,
        *,
        quality: int | None = None,
        longest_side: int | None = None,
    ) -> bytes:
        """The first frame of a picture in a format, scaled down if it is larger than asked for.

        Args:
            quality: 0 to 100, of ``jpeg`` and ``webp``.

        Raises:
            Unprocessable: it cannot be read, or is too large.
        """
        return await self._make(lambda: _convert(source, target, quality, longest_side))

    async def mask_of(self, source: Path) -> bytes:
        """A mask as workflows want it, of one as OpenAI has it: white where that is transparent.

        A picture without transparency is a mask already.

        Raises:
            Unprocessable: it cannot be read, or is too large.
        """
        return await self._make(lambda: _mask(source))

    async def sides(self, source: Path | bytes) -> tuple[int, int] | None:
        """Width and height of a picture; ``None`` when it cannot be read."""
        try:
            return await asyncio.to_thread(_sides, source)
        except UNREADABLE:
            return None

    async def _make(self, work: Callable[[], bytes]) -> bytes:
        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(work)
            except UNREADABLE as error:
                raise Unprocessable("This picture cannot be read.") from error


def _convert(
    source: Path | bytes, target: Format, quality: int | None, longest_side: int | None
) -> bytes:
    with _opened(source) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        is_clear = upright.has_transparency_data and target != "jpeg"
        picture = upright.convert("RGBA" if is_clear else "RGB")
    if longest_side is not None:
        picture.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    options = {} if target == "png" or quality is None else {"quality": quality}
    picture.save(out, target.upper(), **options)
    return out.getvalue()


def _mask(source: Path) -> bytes:
    with _opened(source) as image:
        image.load()
        if image.has_transparency_data:
            mask = ImageOps.invert(image.convert("RGBA").getchannel("A"))
        else:
            mask = image.convert("L")
    out = io.BytesIO()
    mask.convert("RGB").save(out, "PNG")
    return out.getvalue()


def _sides(source: Path | bytes) -> tuple[int, int]:
    with _opened(source) as image:
        return image.size


def _opened(source: Path | bytes) -> Image.Image:
    file = source if isinstance(source, Path) else io.BytesIO(source)
    image = Image.open(file, formats=IMAGE_FORMATS)
    if image.width * image.height > MAX_DECODED_PIXELS:
        image.close()
        raise ValueError("too many pixels to decode")
    return image
