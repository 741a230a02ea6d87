"""Draw the icons of the page as an app: the shapes of favicon.svg, as PNG.

.venv/bin/python scripts/make_icons.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

ICONS: Final = Path(__file__).resolve().parents[1] / "frontend" / "icons"
FINER: Final = 8
"""Drawn so many times larger, then made smaller: that smooths the edges."""
GRID: Final = 32
GROUND: Final = "#5b4fd6"
MOUNTAINS: Final = ((7, 22.5), (13.5, 12), (18.1, 19.3), (20.4, 15.9), (25, 22.5))
SUN: Final = (21.5, 10.5, 2.5)
CORNER: Final = 9
SAFE: Final = 0.74
"""Of a maskable icon, what no mask takes away; the picture shrinks to that."""


def draw(side: int, *, maskable: bool = False, square: bool = False) -> Image.Image:
    """One icon.

    Args:
        side: in pixels.
        maskable: the ground fills all of it, and the picture keeps to the middle.
        square: without round corners, where the system rounds them itself.
    """
    large = side * FINER
    unit = large / GRID
    image = Image.new("RGBA", (large, large), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    corner = 0 if maskable or square else CORNER * unit
    pen.rounded_rectangle((0, 0, large - 1, large - 1), corner, fill=GROUND)
    scale = SAFE if maskable else 1.0

    def at(value: float) -> float:
        return (GRID / 2 + (value - GRID / 2) * scale) * unit

    pen.polygon([(at(x), at(y)) for x, y in MOUNTAINS], fill="#ffffff")
    x, y, radius = SUN
    pen.ellipse((at(x - radius), at(y - radius), at(x + radius), at(y + radius)), fill="#ffd27a")
    return image.resize((side, side), Image.Resampling.LANCZOS)


def main() -> None:
    """Write them all."""
    ICONS.mkdir(exist_ok=True)
    for side in (192, 512):
        draw(side).save(ICONS / f"icon-{side}.png", optimize=True)
    draw(512, maskable=True).save(ICONS / "icon-maskable-512.png", optimize=True)
    draw(180, square=True).convert("RGB").save(ICONS / "apple-touch-icon.png", optimize=True)


if __name__ == "__main__":
    main()
