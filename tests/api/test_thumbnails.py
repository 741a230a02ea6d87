from __future__ import annotations

import asyncio
import io

import av
import httpx
import numpy
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
    tags = set()
    for query, size in (("", (384, 768)), ("?size=large", (384, 768)), ("?size=small", (128, 256))):
        answers = await asyncio.gather(*(client.get(f"{url}{query}") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        with Image.open(io.BytesIO(answers[0].content)) as image:
            assert (image.format, image.size) == ("WEBP", size)
        tags |= {answer.headers["etag"] for answer in answers}
    assert len(tags) == 2
    made = [path for path in (library.folder / "thumbs").rglob("*") if path.is_file()]
    assert len(made) == 2
    assert (await client.delete(f"/api/v2/assets/{body['id']}")).status_code == 204
    assert [path for path in made if path.exists()] == []


async def test_a_thumbnail_is_kept_for_ever_and_not_sent_twice(client: httpx.AsyncClient) -> None:
    body = (await upload(client, picture(), "p.png")).json()
    url = f"/api/assets/{body['id']}/thumbnail?size=small&v=1"
    answer = await client.get(url)
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = await client.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = await client.get(url, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")


async def test_another_size_is_refused(client: httpx.AsyncClient) -> None:
    body = (await upload(client, picture(), "p.png")).json()
    for kind in ("thumbnail", "poster"):
        answer = await client.get(f"/api/assets/{body['id']}/{kind}?size=512")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("kind", "codec"), [("mp4", "libx264"), ("webm", "libvpx"), ("mov", "mpeg4"), ("avi", "mpeg4")]
)
async def test_a_video_has_a_poster_from_behind_its_black_start(
    client: httpx.AsyncClient, library: Library, kind: str, codec: str
) -> None:
    body = (await upload(client, video(kind, codec), f"v.{kind}")).json()
    assert body["content_type"].startswith("video/")
    url = f"/api/assets/{body['id']}/poster"
    answers = await asyncio.gather(*(client.get(f"{url}?size=small") for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    with Image.open(io.BytesIO(answers[0].content)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 128))
        red, green, _ = image.convert("RGB").getpixel((50, 50))  # type: ignore[misc]
        assert red > 150 > green
    assert (await client.get(f"/api/assets/{body['id']}/thumbnail")).status_code == 404
    made = [path for path in (library.folder / "thumbs").rglob("*") if path.is_file()]
    assert len(made) == 1
    assert (await client.delete(f"/api/v2/assets/{body['id']}")).status_code == 204
    assert not made[0].exists()


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x18ftypmp42" + b"\0" * 5000,
        b"\x1a\x45\xdf\xa3webm" + b"\xff" * 5000,
        picture(),
    ],
    ids=["broken mp4", "broken webm", "picture"],
)
async def test_what_is_no_video_has_no_poster(client: httpx.AsyncClient, data: bytes) -> None:
    body = (await upload(client, data, "v.mp4")).json()
    answer = await client.get(f"/api/assets/{body['id']}/poster")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def video(kind: str, codec: str) -> bytes:
    """Two seconds, the first tenth of them black and the rest red."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=20, options={"g": "2"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 512, 256, "yuv420p"
        for number in range(40):
            color = "black" if number < 4 else "red"
            pixels = numpy.asarray(Image.new("RGB", (512, 256), color))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


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
        assert (image.size, image.mode) == ((600, 300), "RGBA")
        pixel = image.getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[3] == 0


def avif_of_nothing() -> bytes:
    """An image that says its size, but whose decoder finds nothing to decode."""
    made = io.BytesIO()
    Image.new("RGB", (40, 30)).save(made, "AVIF")
    head, mark, data = made.getvalue().partition(b"mdat")
    return head + mark + bytes(len(data))


@pytest.mark.parametrize(
    "data", [b"words", b"\x89PNG\r\n\x1a\n broken", picture()[:60], avif_of_nothing()]
)
async def test_what_is_no_image_has_no_thumbnail(client: httpx.AsyncClient, data: bytes) -> None:
    body = (await upload(client, data, "a.png")).json()
    answer = await client.get(f"/api/assets/{body['id']}/thumbnail")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
