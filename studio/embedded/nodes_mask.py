"""Nodes that make and change masks: float32 arrays of shape (batch, height, width), 0 to 1."""

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
from studio.embedded.pixels import Pixels, repeat_to

_CHANNELS = ("red", "green", "blue", "alpha")
_OPERATIONS = ("multiply", "add", "subtract", "and", "or", "xor")
_MODULE = "comfy_extras.nodes_mask"


def _run_solid(context: Context, value: float, width: int, height: int) -> Result:
    context.claim(1, height, width)
    return Result((np.full((1, height, width), value, dtype=np.float32),))


def _run_invert(context: Context, mask: Pixels) -> Result:
    context.claim(*mask.shape)
    return Result((1.0 - mask,))


def _run_to_image(context: Context, mask: Pixels) -> Result:
    context.claim(*mask.shape, 3)
    return Result((np.repeat(_batched(mask)[..., None], 3, axis=-1),))


def _run_from_image(context: Context, image: Pixels, channel: str) -> Result:
    context.claim(*image.shape[:3])
    return Result((image[..., _CHANNELS.index(channel)].copy(),))


def _run_from_color(context: Context, image: Pixels, color: int) -> Result:
    context.claim(*image.shape)
    levels = np.rint(np.clip(image[..., :3], 0, 1) * 255).astype(np.int64)
    packed = (levels[..., 0] << 16) + (levels[..., 1] << 8) + levels[..., 2]
    return Result(((packed == color).astype(np.float32),))


def _run_composite(
    context: Context, destination: Pixels, source: Pixels, x: int, y: int, operation: str
) -> Result:
    context.claim(*destination.shape)
    output = _batched(destination).copy()
    layer = repeat_to(_batched(source), output.shape[0])
    region = output[:, y : y + layer.shape[1], x : x + layer.shape[2]]
    patch = layer[:, : region.shape[1], : region.shape[2]]
    region[:] = _combined(region, patch, operation)
    return Result((np.clip(output, 0.0, 1.0),))


def _combined(under: Pixels, over: Pixels, operation: str) -> Pixels:
    if operation == "multiply":
        return under * over
    if operation == "add":
        return under + over
    if operation == "subtract":
        return under - over
    first, second = np.rint(under).astype(bool), np.rint(over).astype(bool)
    combine = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}[operation]
    combined: Pixels = combine(first, second).astype(np.float32)
    return combined


def _run_grow(context: Context, mask: Pixels, expand: int, tapered_corners: bool) -> Result:
    context.claim(2, *mask.shape)
    grown = _batched(mask)
    pick = np.minimum if expand < 0 else np.maximum
    largest = max(grown.shape[1:])
    for _ in range(min(abs(expand), largest)):
        padded = np.pad(grown, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
        rows = pick(pick(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]), grown)
        if tapered_corners:
            grown = pick(rows, pick(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]))
        else:
            tall = pick(pick(padded[:, :-2], padded[:, 2:]), padded[:, 1:-1])
            grown = pick(pick(tall[:, :, :-2], tall[:, :, 2:]), tall[:, :, 1:-1])
    return Result((grown,))


def _run_feather(
    context: Context, mask: Pixels, left: int, top: int, right: int, bottom: int
) -> Result:
    context.claim(*mask.shape)
    output = _batched(mask).copy()
    height, width = output.shape[1:]
    output *= (_ramp(height, top) * _ramp(height, bottom)[::-1])[:, None]
    output *= _ramp(width, left) * _ramp(width, right)[::-1]
    return Result((output,))


def _ramp(size: int, length: int) -> Pixels:
    length = min(length, size)
    ramp = np.ones(size, dtype=np.float32)
    ramp[:length] = (np.arange(length) + 1) / max(1, length)
    return ramp


def _run_crop(context: Context, mask: Pixels, x: int, y: int, width: int, height: int) -> Result:
    cut = _batched(mask)[:, y : y + height, x : x + width]
    context.claim(*cut.shape)
    return Result((cut.copy(),))


def _run_threshold(context: Context, mask: Pixels, value: float) -> Result:
    context.claim(*mask.shape)
    return Result(((mask > value).astype(np.float32),))


def _batched(mask: Pixels) -> Pixels:
    return mask.reshape(-1, *mask.shape[-2:])


_PLACE = (integer("x", 0, 0, MAX_RESOLUTION), integer("y", 0, 0, MAX_RESOLUTION))
_SIZE = (integer("width", 512, 1, MAX_RESOLUTION), integer("height", 512, 1, MAX_RESOLUTION))

NODES = (
    NodeClass(
        name="SolidMask",
        display_name="Create Solid Mask",
        category="image/mask",
        run=_run_solid,
        inputs=(number("value", 1.0, 0.0, 1.0), *_SIZE),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="InvertMask",
        display_name="Invert Mask",
        category="image/mask",
        run=_run_invert,
        inputs=(socket("mask", "MASK"),),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="MaskToImage",
        display_name="Convert Mask to Image",
        category="image/mask",
        run=_run_to_image,
        inputs=(socket("mask", "MASK"),),
        outputs=("IMAGE",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="ImageToMask",
        display_name="Convert Image to Mask",
        category="image/mask",
        run=_run_from_image,
        inputs=(socket("image", "IMAGE"), choice("channel", _CHANNELS)),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="ImageColorToMask",
        display_name="Convert Image Color to Mask",
        category="image/mask",
        run=_run_from_color,
        inputs=(
            socket("image", "IMAGE"),
            integer("color", 0, 0, 0xFFFFFF, display="number"),
        ),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="MaskComposite",
        display_name="Combine Masks",
        category="image/mask",
        run=_run_composite,
        inputs=(
            socket("destination", "MASK"),
            socket("source", "MASK"),
            *_PLACE,
            choice("operation", _OPERATIONS),
        ),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="GrowMask",
        display_name="Grow Mask",
        category="image/mask",
        run=_run_grow,
        inputs=(
            socket("mask", "MASK"),
            integer("expand", 0, -MAX_RESOLUTION, MAX_RESOLUTION),
            flag("tapered_corners", advanced=True, default=True),
        ),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="FeatherMask",
        display_name="Feather Mask",
        category="image/mask",
        run=_run_feather,
        inputs=(
            socket("mask", "MASK"),
            *(integer(side, 0, 0, MAX_RESOLUTION) for side in ("left", "top", "right", "bottom")),
        ),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="CropMask",
        display_name="Crop Mask",
        category="image/mask",
        run=_run_crop,
        inputs=(socket("mask", "MASK"), *_PLACE, *_SIZE),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
    NodeClass(
        name="ThresholdMask",
        display_name="Threshold Mask",
        category="image/mask",
        run=_run_threshold,
        inputs=(socket("mask", "MASK"), number("value", 0.5, 0.0, 1.0)),
        outputs=("MASK",),
        module=_MODULE,
        modern=True,
    ),
)
