"""A batch as one labelled picture, made of the thumbnails of its cells."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from studio.errors import InvalidBatch, NotFound
from studio.graphs.problems import clip
from studio.media import UNREADABLE, open_image
from studio.services.batch_views import BatchView, Cell
from studio.services.label_fonts import font_for, one_line
from studio.services.thumbnails import Thumbnails

MAX_PIXELS: Final = 32 * 1024 * 1024
MAX_SIDE: Final = 16_384
CELL_SIDES: Final = (512, 384, 256, 192, 128, 96, 64)
_LEAST_SIDE: Final = 128
"""Smaller pictures get tiles of this side, so that labels have room."""
_LONGEST: Final = 3.0
_GAP: Final = 4
_BACKGROUND: Final = (255, 255, 255)
_EMPTY: Final = (232, 232, 232)
_INK: Final = (32, 32, 32)


@dataclass(frozen=True, slots=True)
class _Tile:
    """One cell: its picture, or the words that stand in its place."""

    picture: Path | None
    words: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Blocks of ``columns`` by ``rows`` tiles, one above the other. Lengths are pixels.

    A ``table`` has labels above its columns and left of its rows, else each tile has its own.
    """

    columns: int
    rows: int
    blocks: int
    table: bool
    width: int
    height: int
    text: int

    @property
    def margin(self) -> int:
        return min(4 * self.width // 3, 20 * self.text) // 2 if self.table and self.rows > 1 else 0

    @property
    def head(self) -> int:
        """Height of the labels above a block: its own, if there are several, and its columns'."""
        lines = (self.blocks > 1) + self.table
        return lines * (self.text + 2 * _GAP)

    @property
    def step(self) -> tuple[int, int]:
        """From one tile to the next."""
        caption = 0 if self.table else self.text + _GAP
        return self.width + _GAP, self.height + caption + _GAP

    @property
    def block(self) -> int:
        return self.head + self.rows * self.step[1]

    @property
    def size(self) -> tuple[int, int]:
        return (
            self.margin + self.columns * self.step[0] + _GAP,
            self.blocks * self.block + _GAP,
        )

    @property
    def fits(self) -> bool:
        width, height = self.size
        return max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS


class GridPictures:
    """Makes the picture of a batch, one at a time, beside the event loop."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails
        self._one_at_a_time = asyncio.Lock()

    async def make(self, view: BatchView) -> bytes:
        """A PNG with every cell and its labels.

        Raises:
            InvalidBatch: no cell has a picture yet.
        """
        async with self._one_at_a_time:
            tiles = [await self._tile(cell) for cell in view.cells]
            if not any(tile.picture for tile in tiles):
                raise InvalidBatch("No cell of this batch has a picture yet.")
            sizes = [len(axis.labels) for axis in view.batch.axes]
            return await asyncio.to_thread(_render, tiles, sizes)

    async def _tile(self, cell: Cell) -> _Tile:
        for asset in cell.outputs:
            try:
                path = await self._thumbnails.get(asset, "large")
            except NotFound:
                continue
            return _Tile(path, "", cell.labels)
        kind = cell.outputs[0].content_type if cell.outputs else cell.status
        return _Tile(None, kind, cell.labels)


def _render(tiles: Sequence[_Tile], sizes: Sequence[int]) -> bytes:
    layout = _layout(sizes, *_first_size(tiles))
    sheet = Image.new("RGB", layout.size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    per_block = layout.columns * layout.rows
    for index, tile in enumerate(tiles):
        block, place = divmod(index, per_block)
        row, column = divmod(place, layout.columns)
        top = _GAP + block * layout.block
        left = _GAP + layout.margin + column * layout.step[0]
        upper = top + layout.head + row * layout.step[1]
        _paint(sheet, draw, layout.text, tile, (left, upper, layout.width, layout.height))
        if not layout.table:
            words = " · ".join(tile.labels)
            _write(draw, layout.text, words, (left, upper + layout.height), layout.width)
            continue
        if place == 0 and layout.blocks > 1:
            _write(draw, layout.text, " · ".join(tile.labels[:-2]), (_GAP, top), layout.size[0])
        if row == 0:
            above = upper - layout.text - 2 * _GAP
            _write(draw, layout.text, tile.labels[-1], (left, above), layout.width)
        if column == 0 and layout.margin:
            middle = upper + (layout.height - layout.text) // 2
            _write(draw, layout.text, tile.labels[-2], (_GAP, middle), layout.margin - _GAP)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _layout(sizes: Sequence[int], wide: int, high: int) -> _Layout:
    """The largest tiles with which everything fits.

    Args:
        wide, high: the size of a picture, which most tiles have the shape of.
    """
    count = math.prod(sizes)
    shape = min(_LONGEST, max(1 / _LONGEST, wide / high))
    for side in CELL_SIDES:
        if side > max(_LEAST_SIDE, wide, high):
            continue
        width = side if shape >= 1 else max(1, round(side * shape))
        height = side if shape <= 1 else max(1, round(side / shape))
        text = max(10, side // 20)
        if len(sizes) > 1:
            blocks = math.prod(sizes[:-2])
            table = _Layout(sizes[-1], sizes[-2], blocks, True, width, height, text)
            if table.fits:
                return table
        columns = math.ceil(math.sqrt(count))
        wrapped = _Layout(columns, math.ceil(count / columns), 1, False, width, height, text)
        if len(sizes) <= 1 and wrapped.fits:
            return wrapped
    # A table that is too long for any picture is wrapped like a list.
    return wrapped


def _first_size(tiles: Sequence[_Tile]) -> tuple[int, int]:
    """The size of the first picture, which is that of most."""
    for tile in tiles:
        if tile.picture is not None:
            try:
                with open_image(tile.picture) as image:
                    return image.size
            except UNREADABLE:
                continue
    return _LEAST_SIDE, _LEAST_SIDE


def _paint(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    text: int,
    tile: _Tile,
    box: tuple[int, int, int, int],
) -> None:
    left, top, width, height = box
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=_EMPTY)
    words = tile.words
    if tile.picture is not None:
        try:
            with open_image(tile.picture) as image:
                picture = image.convert("RGBA")
        except UNREADABLE:
            # The original, and its thumbnail, may have been deleted since.
            words = "deleted"
        else:
            picture.thumbnail((width, height), Image.Resampling.LANCZOS)
            corner = left + (width - picture.width) // 2, top + (height - picture.height) // 2
            sheet.paste(picture, corner, picture)
            return
    _write(draw, text, words, (left + _GAP, top + height // 2), width - 2 * _GAP)


def _write(
    draw: ImageDraw.ImageDraw,
    text: int,
    words: str,
    corner: tuple[int, int],
    width: int,
) -> None:
    """One line of text, shortened until it fits."""
    words = one_line(words)
    font = font_for(words, text)
    length = len(words)
    while length > 1 and draw.textlength(clip(words, length), font) > width:
        length -= 1
    draw.text(corner, clip(words, length), _INK, font)
