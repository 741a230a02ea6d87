"""From saved values to those that a workflow takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from studio.errors import InvalidAnswers, InvalidPrompt
from studio.graphs.filling import Filled, check, draw_seeds, fill
from studio.graphs.manifests.manifest import InputType, Manifest, read_manifest
from studio.graphs.seeds import MAX_SEED
from studio.graphs.wildcards import WordLists

LISTS = WordLists({"mood": ["calm", "wild"]})


def manifest(**inputs: dict[str, Any]) -> Manifest:
    """A manifest with these inputs."""
    target = {"node": "1", "class": "X", "input": "x"}
    return read_manifest(
        {
            "manifest": 1,
            "id": "test",
            "name": "Test",
            "inputs": [
                {"id": name, "name": name, "targets": [target], **more}
                for name, more in inputs.items()
            ],
        }
    )


FORM = manifest(
    prompt={"type": "text"},
    checkpoint={"type": "checkpoint"},
    steps={"type": "int"},
    sharp={"type": "boolean"},
    seed={"type": "seed", "default": -1, "min": 10, "max": 19},
)


def filled(values: dict[str, Any], answers: dict[str, Any] | None = None, **more: Any) -> Filled:
    given = {"seeds": {"seed": 12}, **more}
    return fill(FORM, values, answers or {}, lists=lambda _: LISTS, **given)


def test_answers_become_what_the_input_wants_and_mean_only_themselves() -> None:
    made = filled(
        {
            "prompt": "a [[animal]] {x|x}",
            "steps": "[[How many steps?=20]]",
            "sharp": "[[sharp:true|false]]",
            "checkpoint": "[[Which model?=my__mood__{a|b}.safetensors]]",
        },
        {"animal": "{fox|owl} __mood__", "sharp": "true", "other": "unused"},
    )
    assert made.values == {
        "prompt": "a {fox|owl} __mood__ x",
        "steps": 20,
        "sharp": True,
        "checkpoint": "my__mood__{a|b}.safetensors",
        "seed": 12,
    }
    assert made.answers == {
        "animal": "{fox|owl} __mood__",
        "sharp": "true",
        "How many steps?": "20",
        "Which model?": "my__mood__{a|b}.safetensors",
    }


def test_an_answer_that_is_no_number_is_left_for_the_workflow_to_refuse() -> None:
    assert filled({"steps": "[[n]]"}, {"n": "many"}).values["steps"] == "many"
    assert filled({"steps": "[[n]]"}, {"n": "[1]"}).values["steps"] == "[1]"
    assert filled({"steps": "20"}).values["steps"] == "20", "it was not an answer"


@pytest.mark.parametrize(
    ("given", "number", "used"),
    [
        ({}, 0, 12), ({"seed": -1}, 1, 13), ({"seed": None}, 0, 12), ({"seed": 15}, 0, 15),
        ({"seed": 15}, 4, 19), ({"seed": 15}, 5, 10), ({"seed": 99}, 1, 99),
        ({"seed": "[[s]]"}, 1, 18),
    ],
)  # fmt: skip
def test_a_seed_is_the_given_or_the_drawn_one_and_counts_up_within_its_range(
    given: dict[str, Any], number: int, used: int
) -> None:
    assert filled(given, {"s": "17"}, number=number).values["seed"] == used


def test_the_seed_decides_the_choices_also_where_a_workflow_has_none() -> None:
    text = {"prompt": "{a|b|c|d|e|f|g|h} __mood__"}
    made = [filled(text, number=number).values["prompt"] for number in (0, 0, 1, 2, 3)]
    assert made[0] == made[1]
    assert len(set(made)) > 1
    bare = manifest(prompt={"type": "text"})
    seeds = draw_seeds(bare, lambda least, most: most - least)
    assert seeds == {"": MAX_SEED}
    other = [
        fill(bare, text, {}, lists=lambda _: LISTS, seeds=seeds, number=number).values["prompt"]
        for number in range(8)
    ]
    assert len(set(other)) > 1


def test_the_choices_are_recorded_where_they_were_made() -> None:
    plain = manifest(scenes={"type": "text"}, prompt={"type": "text"})
    # Only a workflow of several stages may have scenes, which are of no concern here.
    scenes = replace(plain.inputs[0], type=InputType.SCENES)
    form = replace(plain, inputs=(scenes, plain.inputs[1]))
    values = {"scenes": [{"prompt": "{a|a}"}, {"prompt": "x", "seed": 4}], "prompt": "{b|b}"}
    record = fill(form, values, {}, lists=lambda _: LISTS, seeds={"": 1}).record()
    assert record == {
        "questions": {},
        "choices": [
            {"where": "scenes[0].prompt", "of": "{a|a}", "value": "a"},
            {"where": "prompt", "of": "{b|b}", "value": "b"},
        ],
    }


def test_seeds_are_drawn_for_every_input_that_wants_one_within_its_range() -> None:
    form = manifest(one={"type": "seed", "max": 5}, two={"type": "seed"}, text={"type": "text"})
    asked: list[tuple[int, int]] = []

    def draw(least: int, most: int) -> int:
        asked.append((least, most))
        return most

    assert draw_seeds(form, draw) == {"one": 5, "two": MAX_SEED}
    assert asked == [(0, 5), (0, MAX_SEED)]


def test_values_are_read_before_they_are_kept() -> None:
    [question] = check(FORM, {"prompt": "a [[q:x|y]] {[[q]]|b}", "checkpoint": "{a|"})
    assert question.name == "q"
    for values in ({"prompt": "{a|"}, {"prompt": "[[a"}, {"checkpoint": "[[a"}):
        with pytest.raises(InvalidPrompt):
            check(FORM, values)


def test_an_answer_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidAnswers, match="animal"):
        filled({"prompt": "[[animal]]"})


def test_choices_in_a_default_that_nobody_replaced_are_drawn_and_recorded() -> None:
    form = manifest(prompt={"type": "text", "default": "a {red|red} fox"}, plain={"type": "text"})
    made = fill(form, {}, {}, lists=lambda _: LISTS, seeds={"": 1})
    assert made.values == {"prompt": "a red fox"}
    assert [(each.of, each.where) for each in made.chosen] == [("{red|red}", "prompt")]
    typed = fill(form, {"prompt": "an owl"}, {}, lists=lambda _: LISTS, seeds={"": 1})
    assert typed.values == {"prompt": "an owl"}
