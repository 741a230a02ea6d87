"""Writing pictures to the output and temporary folders, with the graph inside the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.embedded.context import Context
from studio.embedded.pixels import Pixels, to_image

_EXIF_MAKE = 0x010F
_EXIF_MODEL = 0x0110

SavedFile = dict[str, str]


def save_pngs(
    context: Context, images: Pixels, prefix: str, *, kind: str = "output", compress_level: int = 4
) -> list[SavedFile]:
    """Save each picture of a batch as a PNG and return the references that clients get."""
    location = context.folders.save_location(kind, prefix, images.shape[2], images.shape[1])
    metadata = PngInfo()
    for key, value in _metadata(context):
        metadata.add_text(key, value)
    saved = []
    for index, picture in enumerate(images):
        name = location.filename("png", offset=index, batch=index)
        to_image(picture).save(
            location.folder / name, pnginfo=metadata, compress_level=compress_level
        )
        saved.append({"filename": name, "subfolder": location.subfolder, "type": kind})
    return saved


def save_animated_png(
    context: Context, images: Pixels, prefix: str, *, fps: float, compress_level: int
) -> SavedFile:
    """Save a batch as one animated PNG."""
    metadata = PngInfo()
    for key, value in _metadata(context):
        metadata.add(b"comf", key.encode() + b"\0" + value.encode("latin-1"), after_idat=True)
    return _save_animation(
        context, images, prefix, "png", fps, pnginfo=metadata, compress_level=compress_level
    )


def save_animated_webp(
    context: Context,
    images: Pixels,
    prefix: str,
    *,
    fps: float,
    lossless: bool,
    quality: int,
    method: int,
) -> SavedFile:
    """Save a batch as one animated WebP."""
    exif = Image.Exif()
    tag = _EXIF_MAKE
    for key, value in _metadata(context):
        if key == "prompt":
            exif[_EXIF_MODEL] = f"prompt:{value}"
        else:
            exif[tag] = f"{key}:{value}"
            tag -= 1
    return _save_animation(
        context,
        images,
        prefix,
        "webp",
        fps,
        exif=exif,
        lossless=lossless,
        quality=quality,
        method=method,
    )


def _metadata(context: Context) -> Iterator[tuple[str, str]]:
    yield "prompt", json.dumps(context.prompt)
    for key, value in (context.extra_pnginfo or {}).items():
        yield key, json.dumps(value)


def _save_animation(
    context: Context, images: Pixels, prefix: str, suffix: str, fps: float, **options: Any
) -> SavedFile:
    location = context.folders.save_location("output", prefix, images.shape[2], images.shape[1])
    name = location.filename(suffix)
    frames = [to_image(picture) for picture in images]
    frames[0].save(
        location.folder / name,
        save_all=True,
        duration=int(1000.0 / fps),
        append_images=frames[1:],
        **options,
    )
    return {"filename": name, "subfolder": location.subfolder, "type": "output"}
