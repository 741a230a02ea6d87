"""Pictures in other formats, and masks as workflows want them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import Unprocessable
from studio.services.picture_formats import FORMATS, Format, PictureFormats


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("target", FORMATS)
async def test_a_picture_comes_in_the_format_and_size_that_is_wanted(
    tmp_path: Path, target: Format
) -> None:
    Image.new("RGBA", (400, 100), (255, 0, 0, 0)).save(tmp_path / "x.png")
    made = opened(
        await PictureFormats().converted(tmp_path / "x.png", target, quality=50, longest_side=200)
    )
    assert (made.format, made.size) == (target.upper(), (200, 50))
    small = opened(await PictureFormats().converted(tmp_path / "x.png", target, longest_side=900))
    assert small.size == (400, 100)


async def test_a_mask_is_white_where_openai_s_is_transparent(tmp_path: Path) -> None:
    given = Image.new("RGBA", (2, 1), (9, 9, 9, 255))
    given.putpixel((1, 0), (9, 9, 9, 0))
    given.save(tmp_path / "mask.png")
    made = opened(await PictureFormats().mask_of(tmp_path / "mask.png"))
    assert [made.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]
    Image.new("L", (1, 1), 255).save(tmp_path / "white.png")
    plain = opened(await PictureFormats().mask_of(tmp_path / "white.png"))
    assert plain.getpixel((0, 0)) == (255, 255, 255)


async def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"<svg/>")
    with pytest.raises(Unprocessable):
        await PictureFormats().converted(tmp_path / "x.png", "png")
    with pytest.raises(Unprocessable):
        await PictureFormats().converted(b"", "png")
    with pytest.raises(Unprocessable):
        await PictureFormats().mask_of(tmp_path / "x.png")


async def test_a_picture_too_large_to_decode_is_refused_before_it_is(tmp_path: Path) -> None:
    Image.new("1", (16_000, 5_000)).save(tmp_path / "bomb.png")
    with pytest.raises(Unprocessable):
        await PictureFormats().converted(tmp_path / "bomb.png", "png")
