"""Which input takes what a program says, and what becomes of a wish."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import Unprocessable
from studio.graphs.drawing_fields import Wish, check, guess, literal, values
from studio.graphs.filling import draw_seeds, fill
from studio.graphs.manifests.manifest import Manifest, stored_manifest
from studio.graphs.wildcards import WordLists


def manifest(*inputs: dict[str, Any]) -> Manifest:
    """A manifest with these inputs."""
    shown = [{"name": each["id"].title(), "targets": [], **each} for each in inputs]
    return stored_manifest({"id": "drawn", "name": "Drawn", "inputs": shown, "outputs": []})


PICTURE = manifest(
    {"id": "style", "type": "text"},
    {"id": "prompt", "type": "text", "required": True},
    {"id": "negative", "type": "text"},
    {"id": "size", "type": "resolution"},
    {"id": "images", "type": "int", "min": 1, "max": 4},
    {"id": "steps", "type": "int", "min": 1, "max": 50},
    {"id": "seed", "type": "seed"},
    {"id": "quality", "type": "select", "options": [{"value": "low"}, {"value": "high"}]},
)
EDIT = manifest(
    {"id": "first", "type": "image", "required": True},
    {"id": "words", "type": "text", "required": True},
    {"id": "second", "type": "image"},
    {"id": "hole", "type": "mask"},
    {"id": "width", "type": "int"},
    {"id": "height", "type": "int"},
)


def test_what_takes_what_is_guessed_by_type_and_name() -> None:
    assert guess(PICTURE) == {
        "prompt": "prompt",
        "negative": "negative",
        "size": "size",
        "n": "images",
        "quality": "quality",
        "seed": "seed",
    }
    assert guess(EDIT) == {
        "prompt": "words",
        "image": "first",
        "mask": "hole",
        "width": "width",
        "height": "height",
    }


def test_a_wish_becomes_values_and_a_number_of_jobs() -> None:
    wish = Wish("a fox", n=3, negative="blur", size=(64, 32), quality="high", seed=7)
    assert values(PICTURE, guess(PICTURE), wish) == (
        {
            "prompt": "a fox",
            "negative": "blur",
            "size": {"width": 64, "height": 32},
            "images": 3,
            "seed": 7,
            "quality": "high",
        },
        1,
    )
    given, count = values(PICTURE, guess(PICTURE), Wish("a fox", n=5, quality="max"))
    assert (given, count) == ({"prompt": "a fox"}, 5)


def test_pictures_go_to_the_inputs_for_them_in_their_order() -> None:
    wish = Wish("x", size=(8, 9), images=("a", "b"), mask="m")
    given, count = values(EDIT, guess(EDIT), wish)
    assert count == 1
    assert given == {
        "words": "x",
        "first": {"asset": "a"},
        "second": {"asset": "b"},
        "hole": {"asset": "m"},
        "width": 8,
        "height": 9,
    }
    many = manifest(
        {"id": "prompt", "type": "text"}, {"id": "all", "type": "image", "multiple": True}
    )
    given, _ = values(many, guess(many), Wish("x", images=("a", "b")))
    assert given["all"] == [{"asset": "a"}, {"asset": "b"}]


@pytest.mark.parametrize(
    ("drawn", "wish", "field"),
    [
        (EDIT, Wish("x", images=("a", "b", "c")), "image"),
        (PICTURE, Wish("x", images=("a",)), "image"),
        (PICTURE, Wish("x", mask="m"), "mask"),
        (manifest({"id": "image", "type": "image"}), Wish("x"), "prompt"),
    ],
)
def test_what_a_workflow_cannot_take_is_refused_by_name(
    drawn: Manifest, wish: Wish, field: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        values(drawn, guess(drawn), wish)
    assert refused.value.details == {"field": field}


def test_fields_that_lead_nowhere_are_refused() -> None:
    check(PICTURE, {"prompt": "style", "n": "steps"})
    for fields in ({"prompt": "nothing"}, {"prompt": "seed"}, {"sound": "prompt"}):
        with pytest.raises(Unprocessable):
            check(PICTURE, fields)


@pytest.mark.parametrize(
    "text",
    ["a {red|blue} fox", "__animal__", "[[which?]]", r"\[[x]] \\[[y]] \{ \\", "{2::a|b}", "a_b_"],
)
def test_words_of_a_program_mean_themselves(text: str) -> None:
    filled = fill(
        PICTURE,
        {"prompt": literal(text)},
        {},
        lists=lambda _: WordLists({}),
        seeds=draw_seeds(PICTURE, lambda low, _: low),
    )
    assert filled.values["prompt"] == text
