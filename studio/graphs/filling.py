"""From saved values to those that a workflow takes: answers put in, seeds and choices drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from studio.graphs import questions, wildcards
from studio.graphs.manifests.manifest import Input, InputType, Manifest
from studio.graphs.seeds import MAX_SEED

DYNAMIC_TYPES: Final = frozenset({InputType.TEXT, InputType.SCENES})
"""Inputs whose texts may have choices; names of files and options mean themselves."""
_WRITTEN_TYPES: Final = frozenset(
    {InputType.INT, InputType.FLOAT, InputType.SEED, InputType.BOOLEAN}
)
"""Inputs whose value a question can only give as text."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Values without questions and choices, and how they came to be."""

    values: dict[str, Any]
    answers: dict[str, str]
    chosen: list[wildcards.Chosen]

    def record(self) -> dict[str, Any]:
        """What the job's recipe keeps of it."""
        return {"questions": self.answers, "choices": [asdict(each) for each in self.chosen]}


def draw_seeds(manifest: Manifest, draw: Callable[[int, int], int]) -> dict[str, int]:
    """A seed for each input that wants one, should none be given; a workflow may have none at all.

    Args:
        draw: a random integer between two, both included.
    """
    wanted = [each for each in manifest.inputs if each.type is InputType.SEED]
    return {each.id: draw(*seed_range(each)) for each in wanted} or {"": draw(0, MAX_SEED)}


def fill(
    manifest: Manifest,
    values: Mapping[str, Any],
    answers: Mapping[str, object],
    *,
    lists: Callable[[str], wildcards.WordLists],
    seeds: Mapping[str, int],
    number: int = 0,
) -> Filled:
    """Values that mean only themselves, with the choices in defaults that nobody replaced.

    Args:
        answers: to questions of ``values``, and maybe to others.
        lists: the word lists for the texts of an input.
        seeds: from ``draw_seeds``.
        number: how far seeds count up from the first run of the same values.

    Raises:
        InvalidPrompt: a text cannot be read or made.
        InvalidAnswers: an answer is missing or does not fit.
    """
    asked = questions.questions(values)
    names = {question.name for question in asked}
    used = questions.check_answers(
        asked, {name: answer for name, answer in answers.items() if name in names}
    )
    kinds = {each.id: each.type for each in manifest.inputs}
    filled = {
        name: _typed(kinds.get(name), value, _answered(kinds.get(name), value, used, name))
        for name, value in values.items()
    }
    wanted = [each for each in manifest.inputs if each.type is InputType.SEED]
    for each in wanted:
        filled[each.id] = _seed(each, filled.get(each.id), seeds[each.id], number)
    first = filled[wanted[0].id] if wanted else seeds[""] + number
    chosen: list[wildcards.Chosen] = []
    for name in filled:
        if kinds.get(name) in DYNAMIC_TYPES:
            filled[name] = _made(filled[name], lists(name), first, name, chosen)
    for each in manifest.inputs:
        if each.type in DYNAMIC_TYPES and each.id not in filled:
            made = _made(each.default, lists(each.id), first, each.id, chosen)
            if made != each.default:
                filled[each.id] = made
    return Filled(filled, used, chosen)


def check(manifest: Manifest, values: Mapping[str, Any]) -> list[questions.Question]:
    """The questions of values that can be read.

    Raises:
        InvalidPrompt: they cannot.
    """
    asked = questions.questions(values)
    kinds = {each.id: each.type for each in manifest.inputs}
    samples = {question.name: (*question.options, "x")[0] for question in asked}
    for name, value in values.items():
        if kinds.get(name) in DYNAMIC_TYPES:
            answered = _answered(kinds[name], value, samples, name)
            for where, text in questions.texts(answered, name):
                wildcards.check(text, where)
    return asked


def _answered(
    kind: InputType | None, value: object, answers: Mapping[str, str], where: str
) -> object:
    quote = wildcards.literal if kind in DYNAMIC_TYPES else str
    answered: object = questions.fill(value, answers, quote, where)
    return answered


def _typed(kind: InputType | None, written: object, answered: object) -> object:
    """The number or truth that an answer spells, where the input wants one."""
    if kind not in _WRITTEN_TYPES or not isinstance(answered, str) or written == answered:
        return answered
    try:
        value = json.loads(answered)
    except ValueError:
        return answered
    return value if isinstance(value, int | float) else answered


def _seed(each: Input, given: object, drawn: int, number: int) -> Any:
    least, most = seed_range(each)
    seed = each.default if given is None else given
    if seed is None or seed in (-1, ""):
        seed = drawn
    if type(seed) is not int or not least <= seed <= most:
        return seed
    return least + (seed - least + number) % (most - least + 1)


def seed_range(each: Input) -> tuple[int, int]:
    """The least and the most that a seed may be; behind the most comes the least again."""
    least = int(max(0, each.least or 0))
    return least, max(least, int(min(MAX_SEED, MAX_SEED if each.most is None else each.most)))


def _made(
    value: Any, lists: wildcards.WordLists, seed: object, where: str, chosen: list[wildcards.Chosen]
) -> Any:
    if isinstance(value, str):
        text, found = wildcards.expand(value, lists, f"{seed} {where}", where)
        chosen += found
        return text
    if isinstance(value, dict):
        return {
            key: _made(item, lists, seed, f"{where}.{key}", chosen) for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _made(item, lists, seed, f"{where}[{index}]", chosen)
            for index, item in enumerate(value)
        ]
    return value
