from __future__ import annotations

import asyncio
import io

import httpx
import pytest
from PIL import Image

from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.api.asset_client import library as library
from tests.api.asset_client import picture, upload
from tests.fakes.asset_app import Library


async def test_a_thumbnail_is_small_upright_and_made_once(
    client: httpx.AsyncClient, library: Library
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = (await upload(client, picture((2000, 1000), "JPEG", exif=exif), "p.jpg")).json()
    url = f"/api/assets/{body['id']}/thumbnail"
    answers = await asyncio.gather(*(client.get(url) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    with Image.open(io.BytesIO(answers[0].content)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 512))
    made = [path for path in (library.folder / "thumbs").rglob("*") if path.is_file()]
    assert len(made) == 1
    assert (await client.delete(f"/api/v2/assets/{body['id']}")).status_code == 204
    assert not made[0].exists()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "TIFF", "BMP"])
async def test_every_kind_of_image_has_a_thumbnail(client: httpx.AsyncClient, kind: str) -> None:
    body = (await upload(client, picture(kind=kind), "p.bin")).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (30, 20)


async def test_transparent_and_animated_pictures_have_thumbnails(
    client: httpx.AsyncClient,
) -> None:
    out = io.BytesIO()
    frames = [Image.new("RGBA", (600, 300), color) for color in ((255, 0, 0, 0), "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    body = (await upload(client, out.getvalue(), "a.webp")).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.size, image.mode) == ((512, 256), "RGBA")
        pixel = image.getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[3] == 0


@pytest.mark.parametrize("data", [b"words", b"\x89PNG\r\n\x1a\n broken", picture()[:60]])
async def test_what_is_no_image_has_no_thumbnail(client: httpx.AsyncClient, data: bytes) -> None:
    body = (await upload(client, data, "a.png")).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
