"""Arithmetic on pictures: float32 arrays of shape (batch, height, width, channels), 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.floating[Any]]


def to_image(pixels: Pixels) -> Image.Image:
    """Turn one picture of shape (height, width, channels) into a Pillow image."""
    scaled = np.clip(255.0 * pixels, 0, 255).astype(np.uint8)
    return Image.fromarray(scaled[..., 0] if scaled.shape[-1] == 1 else scaled)


def from_image(image: Image.Image) -> Pixels:
    """Turn a Pillow image of mode RGB or RGBA into an array of shape (height, width, channels)."""
    return np.asarray(image, dtype=np.float32) / np.float32(255.0)


def resize(pixels: Pixels, width: int, height: int, method: str, crop: str = "disabled") -> Pixels:
    """Scale a batch; ``crop="center"`` first cuts it to the new proportions."""
    if crop == "center":
        pixels = _crop_to_aspect(pixels, width / height)
    if pixels.shape[1:3] == (height, width):
        return pixels
    if method == "nearest-exact":
        return _pick_nearest(pixels, width, height)
    if method == "area":
        return _average_areas(pixels, width, height)
    if method == "lanczos":
        return _resample(pixels, width, height)
    return _interpolate(pixels, width, height, method)


def resize_mask(mask: Pixels, width: int, height: int) -> Pixels:
    """Scale a mask of shape (batch, height, width) with bilinear interpolation."""
    return resize(mask[..., None], width, height, "bilinear")[..., 0]


def repeat_to(pixels: Pixels, batch_size: int) -> Pixels:
    """Repeat a batch cyclically, or cut it, until it has that size."""
    if pixels.shape[0] == batch_size:
        return pixels
    repeated: Pixels = pixels[np.arange(batch_size) % pixels.shape[0]]
    return repeated


def match_channels(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels]:
    """Give both pictures the same number of channels, with an opaque alpha where one is added."""
    channels = max(first.shape[-1], second.shape[-1])
    return _with_channels(first, channels), _with_channels(second, channels)


def blur(pixels: Pixels, radius: int, sigma: float) -> Pixels:
    """Blur with a Gaussian whose ``sigma`` is relative to the radius, edges reflected."""
    weights = gaussian(radius, sigma)
    return _convolve_rows(_convolve_rows(pixels, weights, axis=1), weights, axis=2)


def gaussian(radius: int, sigma: float) -> NDArray[np.floating[Any]]:
    """Return the weights of one axis of a Gaussian kernel; they add up to 1."""
    offsets = np.linspace(-1, 1, radius * 2 + 1)
    weights = np.exp(-(offsets**2) / (2.0 * sigma * sigma))
    scaled: Pixels = (weights / weights.sum()).astype(np.float32)
    return scaled


def composite(destination: Pixels, source: Pixels, x: int, y: int, mask: Pixels | None) -> Pixels:
    """Lay ``source`` over ``destination`` with its corner at (x, y), where the mask says so."""
    source = repeat_to(source, destination.shape[0])
    height, width = destination.shape[1:3]
    source_height, source_width = source.shape[1:3]
    left, top = min(x, width), min(y, height)
    visible_width = max(0, min(source_width, width - left))
    visible_height = max(0, min(source_height, height - top))
    result = destination.copy()
    if not (visible_width and visible_height):
        return result
    cover: Pixels | np.float32 = np.float32(1.0)
    if mask is not None:
        fitted = resize_mask(mask.reshape(-1, *mask.shape[-2:]), source_width, source_height)
        cover = repeat_to(fitted, source.shape[0])[:, :visible_height, :visible_width, None]
    region = (slice(None), slice(top, top + visible_height), slice(left, left + visible_width))
    patch = source[:, :visible_height, :visible_width]
    result[region] = cover * patch + (1 - cover) * result[region]
    return result


def _with_channels(pixels: Pixels, channels: int) -> Pixels:
    missing = channels - pixels.shape[-1]
    if missing <= 0:
        return pixels
    opaque = np.ones((*pixels.shape[:-1], missing), dtype=np.float32)
    return np.concatenate([pixels, opaque], axis=-1)


def _crop_to_aspect(pixels: Pixels, aspect: float) -> Pixels:
    height, width = pixels.shape[1:3]
    x = y = 0
    if width / height > aspect:
        x = round((width - height * aspect) / 2)
    elif width / height < aspect:
        y = round((height - width / aspect) / 2)
    return pixels[:, y : height - y, x : width - x]


def _pick_nearest(pixels: Pixels, width: int, height: int) -> Pixels:
    rows = ((np.arange(height) + 0.5) * pixels.shape[1] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * pixels.shape[2] / width).astype(int)
    return pixels[:, rows][:, :, columns]


def _average_areas(pixels: Pixels, width: int, height: int) -> Pixels:
    return _average_axis(_average_axis(pixels, height, axis=1), width, axis=2)


def _average_axis(pixels: Pixels, size: int, axis: int) -> Pixels:
    old = pixels.shape[axis]
    starts = np.arange(size) * old // size
    stops = -(-(np.arange(1, size + 1) * old) // size)
    totals = np.concatenate(
        [
            np.zeros_like(np.take(pixels, [0], axis=axis), dtype=np.float64),
            np.cumsum(pixels, axis=axis, dtype=np.float64),
        ],
        axis=axis,
    )
    sums = np.take(totals, stops, axis=axis) - np.take(totals, starts, axis=axis)
    shape = [1] * pixels.ndim
    shape[axis] = size
    averages: Pixels = (sums / (stops - starts).reshape(shape)).astype(np.float32)
    return averages


def _interpolate(pixels: Pixels, width: int, height: int, method: str) -> Pixels:
    cubic = method in ("bicubic", "bislerp")
    return _interpolate_axis(_interpolate_axis(pixels, height, 1, cubic), width, 2, cubic)


def _interpolate_axis(pixels: Pixels, size: int, axis: int, cubic: bool) -> Pixels:
    old = pixels.shape[axis]
    position = (np.arange(size) + 0.5) * old / size - 0.5
    if not cubic:
        position = np.clip(position, 0, None)
    first = np.floor(position).astype(np.int64)
    share = position - first
    taps = _cubic_weights(share) if cubic else {0: 1 - share, 1: share}
    shape = [1] * pixels.ndim
    shape[axis] = size
    result = np.zeros((*pixels.shape[:axis], size, *pixels.shape[axis + 1 :]), dtype=np.float32)
    for offset, weight in taps.items():
        taken = np.take(pixels, np.clip(first + offset, 0, old - 1), axis=axis)
        result += taken * weight.astype(np.float32).reshape(shape)
    return result


def _cubic_weights(share: Pixels) -> dict[int, Pixels]:
    """Return the weights of four neighbours, with the sharpness that ComfyUI's scaling has."""
    sharpness = -0.75

    def near(x: Pixels) -> Pixels:
        return ((sharpness + 2) * x - (sharpness + 3)) * x * x + 1

    def far(x: Pixels) -> Pixels:
        return ((x - 5) * x + 8) * x * sharpness - 4 * sharpness

    return {-1: far(share + 1), 0: near(share), 1: near(1 - share), 2: far(2 - share)}


def _resample(pixels: Pixels, width: int, height: int) -> Pixels:
    # In 8 bits, because that is what ComfyUI does for this method.
    size = (width, height)
    scaled = [to_image(picture).resize(size, Image.Resampling.LANCZOS) for picture in pixels]
    return np.stack([from_image(each).reshape(height, width, -1) for each in scaled])


def _convolve_rows(pixels: Pixels, weights: NDArray[np.floating[Any]], axis: int) -> Pixels:
    radius = len(weights) // 2
    size = pixels.shape[axis]
    if radius >= size:
        raise ValueError(f"A radius of {radius} is too large for a picture of {size} pixels")
    widths = [(0, 0)] * pixels.ndim
    widths[axis] = (radius, radius)
    padded = np.pad(pixels, widths, mode="reflect")
    result = np.zeros_like(pixels)
    for offset, weight in enumerate(weights):
        window = [slice(None)] * pixels.ndim
        window[axis] = slice(offset, offset + size)
        result += weight * padded[tuple(window)]
    return result
