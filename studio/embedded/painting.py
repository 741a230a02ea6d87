"""Paints the procedural picture that stands in for what a model would make."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studio.embedded.canvas import Canvas
from studio.embedded.palettes import choose_theme
from studio.embedded.pixels import Pixels, from_image, to_image
from studio.embedded.scenes import SCENES

CAPTION = "embedded engine"
_SKETCH_SIDE = 160
_MOST_DETAIL = 7


class Painting:
    """One picture, wholly determined by its arguments.

    ``vivid`` above or below 0 adds or takes colour.
    """

    def __init__(
        self, prompt: str, seed: int, width: int, height: int, steps: int, vivid: float = 0.0
    ) -> None:
        digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
        self._seed = int.from_bytes(digest[:8], "big")
        self._theme = choose_theme(prompt, int.from_bytes(digest[8:12], "big"))
        self._width = width
        self._height = height
        self._vivid = vivid
        self._detail = min(_MOST_DETAIL, 4 + steps // 6)
        scale = min(1.0, _SKETCH_SIDE / max(width, height))
        self._sketch_size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._sketch: Pixels | None = None

    def render(self) -> Pixels:
        """Return the finished picture, shape (height, width, 3)."""
        return self._paint(self._width, self._height)

    def sketch(self, progress: float) -> Image.Image:
        """Return a small picture of how the painting looks at ``progress`` from 0 to 1."""
        if self._sketch is None:
            self._sketch = self._paint(*self._sketch_size)
        width, height = self._sketch_size
        blocks = max(1, round(max(width, height) * min(1.0, 0.06 + progress**1.5)))
        scale = blocks / max(width, height)
        coarse = to_image(self._sketch).resize(
            (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX
        )
        soft = from_image(coarse.resize((width, height), Image.Resampling.BICUBIC))
        random = np.random.default_rng(self._seed)
        noise = random.random((height, width, 3), dtype=np.float32)
        share = np.float32((1 - progress) ** 1.4 * 0.85)
        return to_image(soft * (1 - share) + noise * share)

    def _paint(self, width: int, height: int) -> Pixels:
        canvas = Canvas(
            width=width,
            height=height,
            aspect=self._width / self._height,
            seed=self._seed,
            detail=self._detail,
        )
        picture = SCENES[self._theme.scene](canvas, self._theme)
        picture = self._develop(canvas, picture)
        return np.clip(picture, 0, 1).astype(np.float32)

    def _develop(self, canvas: Canvas, picture: Pixels) -> Pixels:
        gray = picture.mean(axis=-1, keepdims=True)
        picture = gray + (picture - gray) * (1.08 + self._vivid * 0.6)
        edge = np.hypot(canvas.x - 0.5, canvas.y - 0.5)[..., None]
        picture = picture * (1.04 - 0.5 * np.clip(edge - 0.30, 0, 1))
        grain = canvas.random("grain").standard_normal((canvas.height, canvas.width, 1))
        return picture + (grain * 0.010).astype(np.float32)


def add_caption(pixels: Pixels) -> Pixels:
    """Return a picture of shape (height, width, 3) with the engine's name in its corner."""
    image = to_image(pixels)
    height, width = pixels.shape[:2]
    size = max(8, min(width // 34, height // 16))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(image, "RGBA")
    left, top, right, bottom = draw.textbbox((0, 0), CAPTION, font=font)
    pad = max(2, size // 2)
    x, y = width - (right - left) - 2 * pad, height - (bottom - top) - 2 * pad
    box = (x - pad, y - pad // 2, width - pad, height - pad // 2)
    draw.rounded_rectangle(box, radius=size // 2, fill=(0, 0, 0, 90))
    draw.text((x - left, y - top + pad // 4), CAPTION, font=font, fill=(255, 255, 255, 225))
    return from_image(image.convert("RGB"))
