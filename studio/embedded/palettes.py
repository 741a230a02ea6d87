"""The colours and the kind of scene that the words of a prompt ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.floating[Any]]

_PALETTES = {
    "ember": ("1d0a14", "5c1220", "b3262a", "ef6a3a", "ffd08a"),
    "ocean": ("06121f", "0b3c5d", "1c7293", "69b9cc", "e3f4ee"),
    "snow": ("26344a", "5b7391", "9db4cb", "d7e3ec", "fdfbf5"),
    "forest": ("0b1a12", "17402a", "3c7a45", "92b96a", "f3edc0"),
    "gold": ("2b1708", "7a4313", "c8842a", "efc15c", "fff2c7"),
    "rose": ("2a0f24", "7a2a55", "cf5f86", "f5a9b8", "fff0e6"),
    "violet": ("0d0822", "33196b", "7440b8", "c77ddb", "ffd9ec"),
    "night": ("04060f", "0c1730", "1f3763", "5b79a8", "f4e9c9"),
    "dawn": ("1f1838", "5d3b72", "c96a7b", "f6ab78", "ffe9b8"),
    "teal": ("04201f", "0d4f4f", "1f8f86", "7fd1b9", "f1fbe4"),
    "neon": ("0a0620", "2b0f5c", "b5179e", "4cc9f0", "fdf0ff"),
    "mist": ("1e2429", "454f57", "7d8a92", "b8c2c5", "f2f1ec"),
}
_PALETTE_WORDS = {
    "ember": "red fire flame lava autumn fox crimson scarlet volcano dragon ember rust",
    "ocean": "blue ocean sea water wave waves lake river whale azure underwater sky",
    "snow": "snow snowy winter ice white arctic glacier frost polar",
    "forest": "green forest tree trees jungle grass moss leaf pine garden meadow frog",
    "gold": "gold golden yellow desert sand dune dunes honey wheat savanna lion summer",
    "rose": "pink rose flower flowers blossom cherry love spring tulip petal",
    "violet": "purple violet lavender galaxy space nebula cosmic magic cosmos dream",
    "night": "night black dark moon midnight starry shadow owl raven",
    "dawn": "sunset sunrise dawn morning orange evening dusk peach warm",
    "teal": "teal turquoise lagoon mint tropical emerald aurora",
    "neon": "neon cyberpunk city electric robot synthwave tokyo arcade future",
    "mist": "grey gray silver fog foggy mist misty storm rain cloud clouds steel",
}
_SCENE_WORDS = {
    "ridges": "mountain mountains hill hills valley landscape snow snowy forest desert dune dunes "
    "fox wolf deer bear pine tree trees glacier volcano jungle meadow canyon",
    "sea": "ocean sea water wave waves lake beach river boat ship island whale coast lagoon",
    "nebula": "galaxy space nebula cosmic cosmos star stars starry planet universe aurora",
    "skyline": "city street skyline tokyo cyberpunk building town tower urban neon robot",
    "silk": "abstract silk flower petal rose dream portrait fabric marble fire flame magic",
}
_SCENES = tuple(_SCENE_WORDS)
_SKIES = ("dawn", "night", "violet", "mist", "ember")


@dataclass(frozen=True)
class Theme:
    """A scene, and two ramps of five colours from dark to light: behind and in front."""

    scene: str
    back: Colors
    front: Colors
    words: frozenset[str]


def choose_theme(prompt: str, choice: int) -> Theme:
    """Pick what the words ask for; ``choice`` decides what they leave open."""
    words = re.findall(r"[a-z]+", prompt.lower())
    named = [name for word in words for name in _matches(word, _PALETTE_WORDS)]
    names = list(dict.fromkeys(named))[:2] or [sorted(_PALETTES)[choice % len(_PALETTES)]]
    names.sort(key=lambda name: name not in _SKIES)
    scenes = [name for word in words for name in _matches(word, _SCENE_WORDS)]
    scene = scenes[0] if scenes else _SCENES[choice // 16 % len(_SCENES)]
    back, front = _ramp(names[0]), _ramp(names[1 % len(names)])
    return Theme(scene, back, front, frozenset(words))


def color_at(ramp: Colors, position: NDArray[np.floating[Any]]) -> Colors:
    """Return the colours at positions from 0 (dark) to 1 (light) along a ramp."""
    scaled = np.clip(position, 0, 1) * (len(ramp) - 1)
    low = np.minimum(scaled.astype(np.int32), len(ramp) - 2)
    share = (scaled - low)[..., None].astype(np.float32)
    share = share * share * (3 - 2 * share)
    mixed: Colors = ramp[low] * (1 - share) + ramp[low + 1] * share
    return mixed


def _matches(word: str, table: dict[str, str]) -> list[str]:
    return [name for name, listed in table.items() if word in listed.split()]


def _ramp(name: str) -> Colors:
    levels = [[int(code[at : at + 2], 16) for at in (0, 2, 4)] for code in _PALETTES[name]]
    return np.array(levels, dtype=np.float32) / np.float32(255.0)
