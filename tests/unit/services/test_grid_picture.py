"""The picture of a batch: everything is in it, with its labels, whatever the shape of the grid."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from studio.errors import InvalidBatch
from studio.graphs.grids import coordinates
from studio.models import Asset
from studio.services.batch_views import BatchView, Cell
from studio.services.grid_picture import MAX_PIXELS, MAX_SIDE, GridPictures
from studio.services.thumbnails import Thumbnails
from studio.store.batches import Batch, BatchAxis
from studio.store.blobs import BlobStore

COLORS = ((200, 30, 30), (30, 160, 30), (30, 30, 200))


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "assets")


def add(blobs: BlobStore, color: tuple[int, int, int], size: tuple[int, int]) -> Asset:
    """A picture of one colour that the store has."""
    name = f"blake3:{''.join(f'{part:02x}' for part in color):0<64}"
    path = blobs.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, "PNG")
    return Asset(
        id=name[7:13], user_id="ann", hash=name, size_bytes=1, content_type="image/png",
        file_path="x.png", created_at=0,
    )  # fmt: skip


def view(sizes: Sequence[int], pictures: Sequence[Asset | None]) -> BatchView:
    """A batch of that shape; pictures are dealt out in turn."""
    axes = tuple(
        BatchAxis(f"axis {number}", (), tuple(f"a{number}={at}" for at in range(size)))
        for number, size in enumerate(sizes)
    )
    batch = Batch("b", "ann", "Title", "w", 1, None, axes, 0)
    cells = []
    for index, cell in enumerate(coordinates(sizes)):
        picture = pictures[index % len(pictures)]
        labels = tuple(axis.labels[at] for axis, at in zip(axes, cell, strict=True))
        outputs = () if picture is None else (picture,)
        cells.append(Cell(index, cell, labels, "job", "succeeded", outputs))
    return BatchView(batch, cells)


async def made(blobs: BlobStore, tmp_path: Path, shown: BatchView) -> Image.Image:
    pictures = GridPictures(Thumbnails(root=tmp_path / "thumbs", blobs=blobs))
    return Image.open(io.BytesIO(await pictures.make(shown)))


def area(picture: Image.Image, color: tuple[int, int, int]) -> int:
    """How many pixels are about of that colour; thumbnails are not exact."""
    plain = Image.new("RGB", picture.size, color)
    distance = ImageChops.difference(picture, plain).convert("L")
    return distance.histogram()[0] + sum(distance.histogram()[1:8])


@pytest.mark.parametrize(
    "sizes", [(1,), (5,), (2, 3), (1, 4), (2, 2, 3), (2, 2, 2, 2), (1000,), (1, 1000)]
)
async def test_every_cell_is_in_the_picture_and_the_picture_is_bounded(
    blobs: BlobStore, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    shown = view(sizes, [add(blobs, color, (96, 64)) for color in COLORS])
    picture = await made(blobs, tmp_path, shown)
    assert picture.width * picture.height <= MAX_PIXELS
    assert max(picture.size) <= MAX_SIDE
    areas = [area(picture, color) for color in COLORS]
    counts = [sum(index % 3 == place for index in range(len(shown.cells))) for place in range(3)]
    size = areas[0] // counts[0]
    assert size > 0
    for found, count in zip(areas, counts, strict=True):
        assert abs(found - size * count) <= size * count * 0.05


async def test_a_cell_without_a_picture_says_why(blobs: BlobStore, tmp_path: Path) -> None:
    picture = add(blobs, COLORS[0], (64, 64))
    shown = view((2,), [picture, None])
    one = await made(blobs, tmp_path, shown)
    other = await made(blobs, tmp_path, view((2,), [picture, picture]))
    assert area(one, COLORS[0]) * 2 == area(other, COLORS[0])


async def test_a_batch_without_any_picture_makes_none(blobs: BlobStore, tmp_path: Path) -> None:
    film = Asset(
        id="film", user_id="ann", hash="blake3:" + "0" * 64, size_bytes=1,
        content_type="video/mp4", file_path="x.mp4", created_at=0,
    )  # fmt: skip
    with pytest.raises(InvalidBatch):
        await made(blobs, tmp_path, view((2,), [None, film]))


async def test_labels_are_written_and_long_ones_are_shortened(
    blobs: BlobStore, tmp_path: Path
) -> None:
    shown = view((2, 2), [add(blobs, COLORS[0], (64, 64))])
    short = await made(blobs, tmp_path, shown)
    axes = [BatchAxis("x", (), ("W" * 80, "b")) for _ in range(2)]
    cells = [
        Cell(cell.index, cell.coordinates, ("W" * 80, "W" * 80), "job", "succeeded", cell.outputs)
        for cell in shown.cells
    ]
    batch = Batch("b", "ann", "Title", "w", 1, None, tuple(axes), 0)
    long = await made(blobs, tmp_path, BatchView(batch, cells))
    assert long.size == short.size
    dark = (32, 32, 32)
    assert area(long, dark) > area(short, dark) > 0
