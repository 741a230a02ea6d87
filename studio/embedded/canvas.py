"""A surface of given proportions, and the noise that scenes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Canvas:
    """A picture to be painted at ``width`` by ``height`` pixels.

    Everything random depends on ``seed``, a name and ``aspect`` only, so that the same canvas
    at another size shows the same picture. ``detail`` is the number of octaves of noise.
    """

    width: int
    height: int
    aspect: float
    seed: int
    detail: int

    @property
    def x(self) -> Plane:
        """Positions from left to right, 0 to 1, shape (1, width)."""
        return ((np.arange(self.width, dtype=np.float32) + 0.5) / self.width)[None, :]

    @property
    def y(self) -> Plane:
        """Positions from top to bottom, 0 to 1, shape (height, 1)."""
        return ((np.arange(self.height, dtype=np.float32) + 0.5) / self.height)[:, None]

    def random(self, name: str) -> np.random.Generator:
        """Return the random numbers that belong to a name."""
        return np.random.default_rng([self.seed, *name.encode()])

    def noise(
        self, name: str, cells: float, *, stretch: float = 1.0, octaves: int | None = None
    ) -> Plane:
        """Return smooth noise from 0 to 1 with about ``cells`` bumps across the picture.

        ``stretch`` makes the bumps that many times wider than high; ``octaves`` makes the noise
        smoother than the canvas's detail.
        """
        random = self.random(name)
        total = np.zeros((self.height, self.width), dtype=np.float32)
        weight, weights = 1.0, 0.0
        for octave in range(octaves or self.detail):
            columns = max(2, round(cells * 2**octave / stretch)) + 3
            rows = max(2, round(cells * 2**octave / self.aspect)) + 3
            grid = random.random((rows, columns), dtype=np.float32)
            if columns <= self.width * 2 and rows <= self.height * 2:
                total += weight * self._stretched(grid)
                weights += weight
            weight *= 0.5
        result = (total / max(weights, 1e-6) - 0.5) * 1.7 + 0.5
        clipped: Plane = np.clip(result, 0, 1)
        return clipped

    def line(self, name: str, cells: float, roughness: float = 0.5) -> Plane:
        """Return a noisy line, one value from 0 to 1 per column, shape (1, width)."""
        random = self.random(name)
        total = np.zeros(self.width, dtype=np.float32)
        weight, weights = 1.0, 0.0
        for octave in range(self.detail + 2):
            points = random.random(round(cells * 2**octave) + 3, dtype=np.float32)
            where = self.x[0] * (len(points) - 3) + 1
            low = where.astype(np.int32)
            share = where - low
            share = share * share * (3 - 2 * share)
            total += weight * (points[low] * (1 - share) + points[low + 1] * share)
            weights += weight
            weight *= roughness
        return (total / weights)[None, :]

    def warped(self, plane: Plane, across: Plane, down: Plane) -> Plane:
        """Return ``plane``, mirrored at its edges, read at positions shifted by shares of it."""
        columns = _mirrored(self.x + across) * (self.width - 1)
        rows = _mirrored(self.y + down) * (self.height - 1)
        left, top = columns.astype(np.int32), rows.astype(np.int32)
        right = np.minimum(left + 1, self.width - 1)
        bottom = np.minimum(top + 1, self.height - 1)
        share_x, share_y = columns - left, rows - top
        upper = plane[top, left] * (1 - share_x) + plane[top, right] * share_x
        lower = plane[bottom, left] * (1 - share_x) + plane[bottom, right] * share_x
        mixed: Plane = upper * (1 - share_y) + lower * share_y
        return mixed

    def distance(self, x: float, y: float) -> Plane:
        """Return the distance of each pixel from a point, in widths of the picture."""
        distances: Plane = np.hypot(self.x - x, (self.y - y) / self.aspect).astype(np.float32)
        return distances

    def _stretched(self, grid: Plane) -> Plane:
        # The outer cells of the grid stay outside the picture, so that edges are as smooth.
        rows, columns = grid.shape
        box = (1.0, 1.0, columns - 1.0, rows - 1.0)
        size = (self.width, self.height)
        return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC, box=box))


def _mirrored(position: Plane) -> Plane:
    folded: Plane = 1 - np.abs(position % 2.0 - 1)
    return folded


def cover(
    picture: NDArray[np.floating[Any]], color: NDArray[np.floating[Any]], share: Plane
) -> None:
    """Lay a colour over a picture in place, where and as far as ``share`` says."""
    picture += (color - picture) * np.clip(share, 0, 1)[..., None]
