"""Nodes that change the size and shape of pictures."""

from __future__ import annotations

import math

import numpy as np

from studio.embedded.context import Context
from studio.embedded.declarations import (
    MAX_RESOLUTION,
    NodeClass,
    Result,
    choice,
    integer,
    number,
    socket,
)
from studio.embedded.pixels import Pixels, resize

_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
_CROPS = ("disabled", "center")
_ROTATIONS = ("none", "90 degrees", "180 degrees", "270 degrees")
_FLIPS = ("x-axis: vertically", "y-axis: horizontally")
_EXTRAS = "comfy_extras.nodes_images"


def _scaled(context: Context, image: Pixels, width: int, height: int, method: str) -> Result:
    context.claim(image.shape[0], height, width, image.shape[3])
    return Result((resize(image, width, height, method),))


def _run_scale(
    context: Context, image: Pixels, upscale_method: str, width: int, height: int, crop: str
) -> Result:
    if not width and not height:
        return Result((image,))
    old_height, old_width = image.shape[1:3]
    width = width or max(1, round(old_width * height / old_height))
    height = height or max(1, round(old_height * width / old_width))
    context.claim(image.shape[0], height, width, image.shape[3])
    return Result((resize(image, width, height, upscale_method, crop),))


def _run_scale_by(context: Context, image: Pixels, upscale_method: str, scale_by: float) -> Result:
    height, width = (round(side * scale_by) for side in image.shape[1:3])
    return _scaled(context, image, width, height, upscale_method)


def _run_scale_to_pixels(
    context: Context, image: Pixels, upscale_method: str, megapixels: float, resolution_steps: int
) -> Result:
    old_height, old_width = image.shape[1:3]
    factor = math.sqrt(megapixels * 1024 * 1024 / (old_width * old_height))
    height, width = (
        round(side * factor / resolution_steps) * resolution_steps for side in image.shape[1:3]
    )
    return _scaled(context, image, width, height, upscale_method)


def _run_crop(context: Context, image: Pixels, width: int, height: int, x: int, y: int) -> Result:
    left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    cut = image[:, top : top + height, left : left + width]
    context.claim(*cut.shape)
    return Result((cut.copy(),))


def _run_pad(
    context: Context,
    image: Pixels,
    left: int,
    top: int,
    right: int,
    bottom: int,
    feathering: int,
) -> Result:
    batch, height, width, channels = image.shape
    context.claim(batch, height + top + bottom, width + left + right, channels + 2)
    padded = np.full(
        (batch, height + top + bottom, width + left + right, channels), 0.5, dtype=np.float32
    )
    padded[:, top : top + height, left : left + width] = image
    mask = np.ones(padded.shape[1:3], dtype=np.float32)
    mask[top : top + height, left : left + width] = _feathered(
        (height, width), (left, top, right, bottom), feathering
    )
    return Result((padded, mask[None]))


def _feathered(size: tuple[int, int], sides: tuple[int, int, int, int], feathering: int) -> Pixels:
    height, width = size
    left, top, right, bottom = sides
    if not 0 < feathering * 2 < min(height, width):
        return np.zeros(size, dtype=np.float32)
    rows, columns = np.arange(height), np.arange(width)
    from_row = np.minimum(rows if top else height, height - rows if bottom else height)
    from_column = np.minimum(columns if left else width, width - columns if right else width)
    distance = np.minimum(
        np.broadcast_to(from_row, height)[:, None], np.broadcast_to(from_column, width)[None, :]
    )
    faded: Pixels = (np.clip((feathering - distance) / feathering, 0, None) ** 2).astype(np.float32)
    return faded


def _run_rotate(context: Context, image: Pixels, rotation: str) -> Result:
    context.claim(*image.shape)
    turns = _ROTATIONS.index(rotation)
    return Result((np.ascontiguousarray(np.rot90(image, turns, axes=(2, 1))),))


def _run_flip(context: Context, image: Pixels, flip_method: str) -> Result:
    context.claim(*image.shape)
    axis = 1 if flip_method.startswith("x") else 2
    return Result((np.ascontiguousarray(np.flip(image, axis=axis)),))


NODES = (
    NodeClass(
        name="ImageScale",
        display_name="Upscale Image",
        category="image/upscaling",
        run=_run_scale,
        inputs=(
            socket("image", "IMAGE"),
            choice("upscale_method", _METHODS),
            integer("width", 512, 0, MAX_RESOLUTION),
            integer("height", 512, 0, MAX_RESOLUTION),
            choice("crop", _CROPS),
        ),
        outputs=("IMAGE",),
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImageScaleBy",
        display_name="Upscale Image By",
        category="image/upscaling",
        run=_run_scale_by,
        inputs=(
            socket("image", "IMAGE"),
            choice("upscale_method", _METHODS),
            number("scale_by", 1.0, 0.01, 8.0),
        ),
        outputs=("IMAGE",),
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImageScaleToTotalPixels",
        display_name="Scale Image to Total Pixels",
        category="image/upscaling",
        run=_run_scale_to_pixels,
        inputs=(
            socket("image", "IMAGE"),
            choice("upscale_method", _METHODS),
            number("megapixels", 1.0, 0.01, 16.0),
            integer("resolution_steps", 1, 1, 256, None, advanced=True),
        ),
        outputs=("IMAGE",),
        module="comfy_extras.nodes_post_processing",
        modern=True,
    ),
    NodeClass(
        name="ImageCrop",
        display_name="Crop Image (DEPRECATED)",
        category="image/transform",
        run=_run_crop,
        inputs=(
            socket("image", "IMAGE"),
            integer("width", 512, 1, MAX_RESOLUTION),
            integer("height", 512, 1, MAX_RESOLUTION),
            integer("x", 0, 0, MAX_RESOLUTION),
            integer("y", 0, 0, MAX_RESOLUTION),
        ),
        outputs=("IMAGE",),
        module=_EXTRAS,
        modern=True,
        deprecated=True,
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImagePadForOutpaint",
        display_name="Pad Image for Outpainting",
        category="image/transform",
        run=_run_pad,
        inputs=(
            socket("image", "IMAGE"),
            *(
                integer(side, 0, 0, MAX_RESOLUTION, 8)
                for side in ("left", "top", "right", "bottom")
            ),
            integer("feathering", 40, 0, MAX_RESOLUTION, advanced=True),
        ),
        outputs=("IMAGE", "MASK"),
    ),
    NodeClass(
        name="ImageRotate",
        display_name="Rotate Image",
        category="image/transform",
        run=_run_rotate,
        inputs=(socket("image", "IMAGE"), choice("rotation", _ROTATIONS)),
        outputs=("IMAGE",),
        module=_EXTRAS,
        modern=True,
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImageFlip",
        display_name="Flip Image",
        category="image/transform",
        run=_run_flip,
        inputs=(socket("image", "IMAGE"), choice("flip_method", _FLIPS)),
        outputs=("IMAGE",),
        module=_EXTRAS,
        modern=True,
    ),
)
