"""Nodes that make, combine and colour pictures."""

from __future__ import annotations

import numpy as np

from studio.embedded.context import Context
from studio.embedded.declarations import (
    MAX_RESOLUTION,
    NodeClass,
    Result,
    choice,
    flag,
    integer,
    number,
    socket,
)
from studio.embedded.pixels import (
    Pixels,
    blur,
    composite,
    match_channels,
    resize,
)

_BLEND_MODES = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")
_EXTRAS = "comfy_extras.nodes_images"
_FILTERS = "comfy_extras.nodes_post_processing"


def _run_empty(
    context: Context, width: int, height: int, batch_size: int = 1, color: int = 0
) -> Result:
    context.claim(batch_size, height, width, 3)
    levels = [(color >> shift & 0xFF) / 0xFF for shift in (16, 8, 0)]
    pixels = np.empty((batch_size, height, width, 3), dtype=np.float32)
    pixels[:] = levels
    return Result((pixels,))


def _run_invert(context: Context, image: Pixels) -> Result:
    context.claim(*image.shape)
    return Result((1.0 - image,))


def _run_batch(context: Context, image1: Pixels, image2: Pixels) -> Result:
    context.claim(image1.shape[0] + image2.shape[0], *image1.shape[1:3], 4)
    first, second = match_channels(image1, image2)
    second = resize(second, first.shape[2], first.shape[1], "bilinear", "center")
    return Result((np.concatenate([first, second]),))


def _run_repeat(context: Context, image: Pixels, amount: int) -> Result:
    context.claim(amount, *image.shape)
    return Result((np.tile(image, (amount, 1, 1, 1)),))


def _run_pick(context: Context, image: Pixels, batch_index: int, length: int) -> Result:
    start = batch_index + len(image) if batch_index < 0 else batch_index
    start = max(0, min(len(image) - 1, start))
    context.claim(length, *image.shape[1:])
    return Result((image[start : start + length].copy(),))


def _run_blur(context: Context, image: Pixels, blur_radius: int, sigma: float) -> Result:
    context.claim(2, *image.shape)
    return Result((blur(image, blur_radius, sigma),))


def _run_sharpen(
    context: Context, image: Pixels, sharpen_radius: int, sigma: float, alpha: float
) -> Result:
    context.claim(3, *image.shape)
    strength = alpha * 10
    sharp = image * (1 + strength) - blur(image, sharpen_radius, sigma) * strength
    return Result((np.clip(sharp, 0, 1).astype(np.float32),))


def _run_blend(
    context: Context, image1: Pixels, image2: Pixels, blend_factor: float, blend_mode: str
) -> Result:
    context.claim(3, *image1.shape)
    base, layer = match_channels(image1, image2)
    if base.shape != layer.shape:
        layer = resize(layer, base.shape[2], base.shape[1], "bicubic", "center")
    mixed = base * (1 - blend_factor) + _blended(base, layer, blend_mode) * blend_factor
    return Result((np.clip(mixed, 0, 1).astype(np.float32),))


def _blended(base: Pixels, layer: Pixels, mode: str) -> Pixels:
    if mode == "multiply":
        return base * layer
    if mode == "screen":
        return 1 - (1 - base) * (1 - layer)
    if mode == "overlay":
        return np.where(base <= 0.5, 2 * base * layer, 1 - 2 * (1 - base) * (1 - layer))
    if mode == "soft_light":
        curve = np.where(base <= 0.25, ((16 * base - 12) * base + 4) * base, np.sqrt(base))
        darker = base - (1 - 2 * layer) * base * (1 - base)
        lighter = base + (2 * layer - 1) * (curve - base)
        return np.where(layer <= 0.5, darker, lighter)
    if mode == "difference":
        return base - layer
    return layer


def _run_composite(
    context: Context,
    destination: Pixels,
    source: Pixels,
    x: int,
    y: int,
    resize_source: bool,
    mask: Pixels | None = None,
) -> Result:
    context.claim(2, *destination.shape)
    under, over = match_channels(destination, source)
    if resize_source:
        over = resize(over, under.shape[2], under.shape[1], "bilinear")
    return Result((composite(under, over, x, y, mask),))


NODES = (
    NodeClass(
        name="EmptyImage",
        display_name="Empty Image",
        category="image",
        run=_run_empty,
        inputs=(
            integer("width", 512, 1, MAX_RESOLUTION),
            integer("height", 512, 1, MAX_RESOLUTION),
            integer("batch_size", 1, 1, 4096, None),
            integer("color", 0, 0, 0xFFFFFF, display="color"),
        ),
        outputs=("IMAGE",),
    ),
    NodeClass(
        name="ImageInvert",
        display_name="Invert Image Colors",
        category="image/color",
        run=_run_invert,
        inputs=(socket("image", "IMAGE"),),
        outputs=("IMAGE",),
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImageBatch",
        display_name="Batch Images (DEPRECATED)",
        category="image/batch",
        run=_run_batch,
        inputs=(socket("image1", "IMAGE"), socket("image2", "IMAGE")),
        outputs=("IMAGE",),
        deprecated=True,
    ),
    NodeClass(
        name="RepeatImageBatch",
        display_name="Repeat Image Batch",
        category="image/batch",
        run=_run_repeat,
        inputs=(socket("image", "IMAGE"), integer("amount", 1, 1, 4096, None)),
        outputs=("IMAGE",),
        module=_EXTRAS,
        modern=True,
    ),
    NodeClass(
        name="ImageFromBatch",
        display_name="Get Image from Batch",
        category="image/batch",
        run=_run_pick,
        inputs=(
            socket("image", "IMAGE"),
            integer("batch_index", 0, -MAX_RESOLUTION, MAX_RESOLUTION, None),
            integer("length", 1, 1, 4096, None),
        ),
        outputs=("IMAGE",),
        module=_EXTRAS,
        modern=True,
    ),
    NodeClass(
        name="ImageBlur",
        display_name="Blur Image",
        category="image/filters",
        run=_run_blur,
        inputs=(
            socket("image", "IMAGE"),
            integer("blur_radius", 1, 1, 31),
            number("sigma", 1.0, 0.1, 10.0, 0.1),
        ),
        outputs=("IMAGE",),
        module=_FILTERS,
        modern=True,
    ),
    NodeClass(
        name="ImageSharpen",
        display_name="Sharpen Image",
        category="image/filters",
        run=_run_sharpen,
        inputs=(
            socket("image", "IMAGE"),
            integer("sharpen_radius", 1, 1, 31, advanced=True),
            number("sigma", 1.0, 0.1, 10.0, advanced=True),
            number("alpha", 1.0, 0.0, 5.0, advanced=True),
        ),
        outputs=("IMAGE",),
        module=_FILTERS,
        modern=True,
    ),
    NodeClass(
        name="ImageBlend",
        display_name="Blend Images",
        category="image/filters",
        run=_run_blend,
        inputs=(
            socket("image1", "IMAGE"),
            socket("image2", "IMAGE"),
            number("blend_factor", 0.5, 0.0, 1.0),
            choice("blend_mode", _BLEND_MODES),
        ),
        outputs=("IMAGE",),
        module=_FILTERS,
        modern=True,
        essentials="Image Tools",
    ),
    NodeClass(
        name="ImageCompositeMasked",
        display_name="Image Composite Masked",
        category="image/compositing",
        run=_run_composite,
        inputs=(
            socket("destination", "IMAGE"),
            socket("source", "IMAGE"),
            integer("x", 0, 0, MAX_RESOLUTION),
            integer("y", 0, 0, MAX_RESOLUTION),
            flag("resize_source", default=False),
            socket("mask", "MASK", optional=True),
        ),
        outputs=("IMAGE",),
        module="comfy_extras.nodes_mask",
        modern=True,
    ),
)
