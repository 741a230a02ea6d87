"""Nodes that make, change and decode latents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from studio.embedded.diffusion import LATENT_CELL, Latent, snap
from studio.embedded.painting import add_caption
from studio.embedded.pixels import Pixels, resize

_UPSCALE_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")


def _run_empty_latent(_context: Context, width: int, height: int, batch_size: int = 1) -> Result:
    return Result((Latent(batch_size, snap(width), snap(height)),))


def _run_decode(context: Context, samples: Latent, **_ignored: Any) -> Result:
    shape = (samples.batch_size, samples.height, samples.width, 3)
    context.claim(*shape)
    if samples.pixels is None:
        return Result((np.full(shape, 0.5, dtype=np.float32),))
    if not samples.painted:
        return Result((samples.pixels,))
    return Result((np.stack([add_caption(picture) for picture in samples.pixels]),))


def _run_encode(context: Context, pixels: Pixels, **_ignored: Any) -> Result:
    batch, height, width = pixels.shape[0], snap(pixels.shape[1]), snap(pixels.shape[2])
    context.claim(batch, height, width, 3)
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    cut = pixels[:, top : top + height, left : left + width, :3].copy()
    return Result((Latent(batch, width, height, cut),))


def _run_upscale_latent(
    context: Context, samples: Latent, upscale_method: str, width: int, height: int, crop: str
) -> Result:
    if not width and not height:
        return Result((samples,))
    width = snap(width) or max(64, snap(round(samples.width * height / samples.height)))
    height = snap(height) or max(64, snap(round(samples.height * width / samples.width)))
    return Result((_resized(context, samples, width, height, upscale_method, crop),))


def _run_upscale_latent_by(
    context: Context, samples: Latent, upscale_method: str, scale_by: float
) -> Result:
    width, height = (
        round(side / LATENT_CELL * scale_by) * LATENT_CELL
        for side in (samples.width, samples.height)
    )
    return Result((_resized(context, samples, width, height, upscale_method, "disabled"),))


def _resized(
    context: Context, latent: Latent, width: int, height: int, method: str, crop: str
) -> Latent:
    if latent.pixels is None:
        return replace(latent, width=width, height=height)
    context.claim(latent.batch_size, height, width, 3)
    pixels = resize(latent.pixels, width, height, method, crop)
    return replace(latent, width=width, height=height, pixels=pixels)


NODES = (
    NodeClass(
        name="EmptyLatentImage",
        display_name="Empty Latent Image",
        category="model/latent",
        run=_run_empty_latent,
        inputs=(
            integer("width", 512, 16, MAX_RESOLUTION, 8),
            integer("height", 512, 16, MAX_RESOLUTION, 8),
            integer("batch_size", 1, 1, 4096, None),
        ),
        outputs=("LATENT",),
    ),
    NodeClass(
        name="VAEDecode",
        display_name="VAE Decode",
        category="model/latent",
        run=_run_decode,
        inputs=(socket("samples", "LATENT"), socket("vae", "VAE")),
        outputs=("IMAGE",),
        description="Finishes the painting and marks it with the engine's name.",
    ),
    NodeClass(
        name="VAEEncode",
        display_name="VAE Encode",
        category="model/latent",
        run=_run_encode,
        inputs=(socket("pixels", "IMAGE"), socket("vae", "VAE")),
        outputs=("LATENT",),
    ),
    NodeClass(
        name="LatentUpscale",
        display_name="Upscale Latent",
        category="model/latent",
        run=_run_upscale_latent,
        inputs=(
            socket("samples", "LATENT"),
            choice("upscale_method", _UPSCALE_METHODS),
            integer("width", 512, 0, MAX_RESOLUTION, 8),
            integer("height", 512, 0, MAX_RESOLUTION, 8),
            choice("crop", ("disabled", "center")),
        ),
        outputs=("LATENT",),
    ),
    NodeClass(
        name="LatentUpscaleBy",
        display_name="Upscale Latent By",
        category="model/latent",
        run=_run_upscale_latent_by,
        inputs=(
            socket("samples", "LATENT"),
            choice("upscale_method", _UPSCALE_METHODS),
            number("scale_by", 1.5, 0.01, 8.0),
        ),
        outputs=("LATENT",),
    ),
)
