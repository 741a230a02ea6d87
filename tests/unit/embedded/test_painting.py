"""The procedural pictures."""

from __future__ import annotations

import numpy as np
import pytest

from studio.embedded.painting import Painting, add_caption
from studio.embedded.palettes import choose_theme
from studio.embedded.scenes import SCENES

SIZE = 96


def paint(prompt: str, seed: int = 1, steps: int = 20) -> np.ndarray:
    """Return a small painting."""
    return Painting(prompt, seed, SIZE, SIZE, steps).render()


def test_the_same_request_gives_the_same_picture() -> None:
    assert np.array_equal(paint("a red fox"), paint("a red fox"))


@pytest.mark.parametrize(
    ("prompt", "seed", "steps"), [("a blue fox", 1, 20), ("a red fox", 2, 20), ("a red fox", 1, 4)]
)
def test_another_prompt_seed_or_number_of_steps_gives_another_picture(
    prompt: str, seed: int, steps: int
) -> None:
    assert not np.array_equal(paint("a red fox"), paint(prompt, seed, steps))


@pytest.mark.parametrize(
    ("prompt", "channel"), [("red", 0), ("green forest", 1), ("blue ocean", 2), ("fire", 0)]
)
def test_colour_words_steer_the_colours(prompt: str, channel: int) -> None:
    for seed in range(4):
        means = paint(prompt, seed).mean(axis=(0, 1))
        assert means.argmax() == channel


def test_snow_is_brighter_than_night() -> None:
    assert paint("snow").mean() > paint("night").mean() + 0.2


@pytest.mark.parametrize(
    ("word", "scene"),
    [
        ("mountains", "ridges"),
        ("Ocean", "sea"),
        ("galaxy", "nebula"),
        ("city", "skyline"),
        ("silk", "silk"),
    ],
)
def test_words_choose_the_scene(word: str, scene: str) -> None:
    assert choose_theme(f"a picture of {word}, detailed", 0).scene == scene


@pytest.mark.parametrize("scene", sorted(SCENES))
@pytest.mark.parametrize("size", [(16, 16), (200, 24), (24, 200)])
def test_every_scene_can_be_painted_at_any_size(scene: str, size: tuple[int, int]) -> None:
    word = {"ridges": "hills", "nebula": "space", "skyline": "city"}.get(scene, scene)
    width, height = size
    picture = Painting(word, 3, width, height, 8).render()
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std() > 0.02


def test_sketches_come_closer_to_the_picture() -> None:
    painting = Painting("a red fox", 1, 64, 64, 20)
    final = painting.render() * 255
    distances = [
        np.abs(np.asarray(painting.sketch(progress), dtype=float) - final).mean()
        for progress in (0.1, 0.4, 0.7, 1.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 3


def test_the_caption_changes_the_lower_right_corner_only() -> None:
    plain = paint("a red fox")
    marked = add_caption(plain)
    changed = np.argwhere(np.abs(marked - plain).max(axis=-1) > 0.02)
    assert len(changed) > 50
    assert changed[:, 0].min() > SIZE * 0.7
