"""The scenes that the embedded engine can paint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio.embedded.canvas import Canvas, Plane, cover
from studio.embedded.palettes import Colors, Theme, color_at

_NIGHT_WORDS = frozenset(("night", "moon", "midnight", "starry", "dark", "space"))
_TREE_WORDS = frozenset(("forest", "tree", "trees", "pine", "jungle", "fox", "deer", "bear"))
_SNOW_WORDS = frozenset(("snow", "snowy", "winter", "ice", "glacier", "arctic", "frost"))


def paint_ridges(canvas: Canvas, theme: Theme) -> Colors:
    """Paint hills behind hills under a sky."""
    picture, sun_x, horizon = _paint_sky(canvas, theme, horizon=0.62)
    layers = 6
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = canvas.line(f"ridge{layer}", 1.6 + 1.2 * layer, 0.46)
        top = horizon - 0.27 + 0.5 * depth - (line - 0.35) * (0.42 - 0.26 * depth)
        if layer == layers - 1 and theme.words & _TREE_WORDS:
            top = top - _treetops(canvas, 0.16)
        elif layer == layers - 2 and theme.words & _TREE_WORDS:
            top = top - _treetops(canvas, 0.07, name="far trees")
        below = canvas.y - top
        tone = 0.56 * (1 - depth) ** 1.2 + 0.06
        grain = canvas.noise(f"ground{layer}", 9 + 4 * layer, stretch=2.2) - 0.5
        color = color_at(theme.front, tone + 0.10 * grain * (1 - 0.5 * depth))
        haze = np.clip(below / (0.34 - 0.12 * depth), 0, 1) * 0.55 * (1 - depth)
        color += (color_at(theme.back, np.array([0.78], dtype=np.float32))[0] - color) * haze[
            ..., None
        ]
        lit = np.exp(-((canvas.x - sun_x) ** 2) * 9) * np.exp(-np.abs(below) * 22)
        color += (theme.back[4] - color) * (0.42 * lit * (1 - 0.6 * depth))[..., None]
        if theme.words & _SNOW_WORDS and layer < layers - 2:
            patches = canvas.noise(f"snow{layer}", 14)
            cap = np.clip((0.11 * (1 - depth) - below) * 12 + (patches - 0.55) * 3.0, 0, 1)
            color += (np.array([0.95, 0.97, 1.0], dtype=np.float32) - color) * (0.85 * cap)[
                ..., None
            ]
        cover(picture, color, below * canvas.height + 0.5)
    return picture


def paint_sea(canvas: Canvas, theme: Theme) -> Colors:
    """Paint water that mirrors a low sun."""
    horizon = 0.54
    picture, sun_x, _ = _paint_sky(canvas, theme, horizon=horizon)
    hills = canvas.line("coast", 3.0, 0.45)
    coast = horizon - np.clip(hills - 0.5, 0, 1) * 0.16
    far = color_at(theme.front, np.full((1, canvas.width), 0.42, dtype=np.float32))
    cover(picture, far, (canvas.y - coast) * canvas.height + 0.5)
    depth = np.clip((canvas.y - horizon) / (1 - horizon), 1e-3, 1)
    texture = canvas.noise("waves", 26, stretch=5.0)
    swell = canvas.noise("swell", 9, stretch=3.0)
    near = 1 - np.log1p(0.25 / depth)
    waves = canvas.warped(texture, swell * 0.06, near * 0.9 - canvas.y) - 0.5
    shade = 0.60 - 0.42 * depth + (waves * 0.5 + (swell - 0.5) * 0.12) * (0.3 + 0.6 * depth)
    water = color_at(theme.front, np.broadcast_to(shade, picture.shape[:2]).astype(np.float32))
    path = np.exp(-(((canvas.x - sun_x) / (0.05 + 0.16 * depth)) ** 2))
    glitter = np.clip(path * (0.35 + 2.4 * np.clip(waves, -0.1, 1)), 0, 1)
    water += (theme.back[4] - water) * (glitter * 0.9)[..., None]
    cover(picture, water, (canvas.y - horizon) * canvas.height + 0.5 + 0 * canvas.x)
    return picture


def paint_nebula(canvas: Canvas, theme: Theme) -> Colors:
    """Paint clouds of light between stars."""
    across = canvas.noise("across", 3) - 0.5
    down = canvas.noise("down", 3) - 0.5
    clouds = canvas.warped(canvas.noise("clouds", 3.2), across * 0.7, down * 0.7)
    lanes = 1 - np.abs(canvas.warped(canvas.noise("lanes", 4), down * 0.5, across * 0.5) * 2 - 1)
    center = canvas.random("center").uniform(0.3, 0.7, 2)
    glow = np.exp(-((canvas.distance(*center) / 0.42) ** 2))
    light = np.clip(clouds * 1.25 - 0.18, 0, 1) ** 1.5 * (0.35 + 0.85 * glow)
    light = light * (1 - 0.75 * np.clip(lanes - 0.62, 0, 1) / 0.38)
    picture = color_at(theme.back, light * 1.12 + 0.02)
    tint = canvas.noise("tint", 2)
    shifted = canvas.warped(light, 0 * light + 0.14, 0 * light)
    second = color_at(theme.front, shifted * 1.1)
    picture += (second - picture) * (np.clip(tint * 1.6 - 0.5, 0, 1) * 0.7)[..., None]
    _add_stars(canvas, picture, 420, 1.0)
    return picture


def paint_silk(canvas: Canvas, theme: Theme) -> Colors:
    """Paint folds of cloth in a soft light."""
    across = canvas.noise("across", 1.3, octaves=2) - 0.5
    down = canvas.noise("down", 1.3, octaves=2) - 0.5
    field = canvas.warped(canvas.noise("field", 1.1, octaves=2), across * 0.6, down * 0.6)
    weave = canvas.noise("weave", 30, stretch=3.0) - 0.5
    folds = field * 17 + canvas.x * 3.0 + canvas.y * 2.0 + weave * 0.10
    height = 0.5 + 0.5 * np.sin(folds) * (0.65 + 0.35 * np.cos(folds * 0.31))
    slope = np.gradient(height, axis=1) * canvas.width * 0.045
    fall = np.gradient(height, axis=0) * canvas.height * 0.045
    light = 0.5 + 0.5 * np.tanh(slope * 0.9 - fall * 0.6)
    picture = color_at(theme.back, (0.06 + 0.50 * light + 0.30 * height).astype(np.float32))
    accent = color_at(theme.front, (0.10 + 0.72 * light).astype(np.float32))
    picture += (accent - picture) * (np.clip(field * 2.4 - 0.9, 0, 1) * 0.8)[..., None]
    shine = np.clip(light - 0.78, 0, 1) ** 1.5 * 3.0
    picture += (theme.back[4] - picture) * np.clip(shine, 0, 0.7)[..., None]
    return picture


def paint_skyline(canvas: Canvas, theme: Theme) -> Colors:
    """Paint rows of houses with lit windows under an evening sky."""
    picture, _, _ = _paint_sky(canvas, theme, horizon=0.72)
    layers = 4
    for layer in range(layers):
        depth = layer / (layers - 1)
        random = canvas.random(f"houses{layer}")
        edges = np.sort(random.random(22 - 4 * layer))
        house = np.searchsorted(edges, canvas.x[0])
        heights = random.uniform(0.12, 0.46 - 0.05 * layer, len(edges) + 1)
        top = (0.80 + 0.12 * depth - heights[house])[None, :].astype(np.float32)
        below = canvas.y - top
        tone = 0.40 * (1 - depth) + 0.05
        shade = color_at(theme.front, np.broadcast_to(tone - below * 0.08, below.shape))
        rows, columns = 46.0 - 8 * layer, (46.0 - 8 * layer) * canvas.aspect
        row = (canvas.y * rows).astype(np.int32)
        column = (canvas.x * columns).astype(np.int32)
        lit = random.random((64, 256))[row % 64, column % 256] > 0.66
        in_pane = ((canvas.y * rows) % 1 > 0.45) & ((canvas.x * columns) % 1 > 0.5)
        windows = lit & in_pane & (below > 0.012)
        warm = color_at(theme.back, np.array([0.93 - 0.1 * (layer % 2)], dtype=np.float32))[0]
        shade = shade + (warm - shade) * (windows * (0.30 + 0.55 * depth))[..., None]
        cover(picture, shade, below * canvas.height + 0.5)
    return picture


SCENES: dict[str, Callable[[Canvas, Theme], Colors]] = {
    "ridges": paint_ridges,
    "sea": paint_sea,
    "nebula": paint_nebula,
    "silk": paint_silk,
    "skyline": paint_skyline,
}


def _paint_sky(canvas: Canvas, theme: Theme, *, horizon: float) -> tuple[Colors, float, float]:
    night = bool(theme.words & _NIGHT_WORDS)
    random = canvas.random("sky")
    sun_x = float(random.uniform(0.22, 0.78))
    sun_y = horizon - float(random.uniform(0.20, 0.36))
    rise = np.clip(canvas.y / horizon, 0, 1)
    tone = (0.10 + 0.5 * rise**1.6) if night else (0.38 + 0.50 * rise**1.3)
    tone = tone + (canvas.noise("air", 2.0) - 0.5) * 0.10
    picture = color_at(theme.back, tone.astype(np.float32))
    if night:
        _add_stars(canvas, picture, 260, horizon)
    distance = canvas.distance(sun_x, sun_y)
    glow = np.exp(-distance * (9.0 if night else 4.6))
    cover(picture, theme.back[4], glow * 0.85)
    warp = canvas.noise("drift", 3) - 0.5
    clouds = canvas.warped(canvas.noise("clouds", 5, stretch=2.6), warp * 0.25, warp * 0.12)
    veil = np.clip((clouds - 0.50) * 2.6, 0, 1) * np.clip(1.25 - np.abs(rise - 0.6) * 1.6, 0, 1)
    lining = color_at(theme.back, np.clip(0.66 + 0.5 * glow, 0, 1))
    radius = 0.052 if night else 0.062
    disc = np.clip((radius - distance) * canvas.width + 0.5, 0, 1)
    cover(picture, np.array([1.0, 0.985, 0.94], dtype=np.float32), disc * 0.96)
    cover(picture, lining, veil * (0.34 if night else 0.62))
    return picture, sun_x, horizon


def _add_stars(canvas: Canvas, picture: Colors, count: int, horizon: float) -> None:
    random = canvas.random("stars")
    scale = canvas.width / 512
    for x, y, size in random.random((count, 3)):
        radius = (0.45 + 1.5 * size**9) * max(scale, 0.5)
        reach = int(radius * 3) + 1
        column, row = int(x * canvas.width), int(y * horizon * canvas.height)
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        patch = picture[rows, columns]
        down = np.arange(rows.start, rows.start + patch.shape[0])[:, None] - row
        across = np.arange(columns.start, columns.start + patch.shape[1])[None, :] - column
        light = np.exp(-(down**2 + across**2) / (radius * radius)) * (0.35 + 0.65 * size)
        cover(patch, np.array([1.0, 0.98, 0.94], dtype=np.float32), light.astype(np.float32))


def _treetops(canvas: Canvas, height: float, name: str = "trees") -> Plane:
    random = canvas.random(name)
    tops = np.zeros(canvas.width, dtype=np.float32)
    for x, size in random.random((90, 2)):
        tall = height * (0.35 + 0.65 * size)
        offset = np.abs(canvas.x[0] - x) * canvas.aspect
        jag = 0.82 + 0.18 * np.abs(np.sin(offset * 240 / (0.4 + size)))
        tops = np.maximum(tops, tall * jag - offset * 3.4)
    return np.clip(tops, 0, None)[None, :]
