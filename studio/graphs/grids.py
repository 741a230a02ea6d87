"""Grids: values that vary along axes, and the cells where the axes cross.

An axis varies one place or several together. A place is an input (``steps``), a part of one
(``loras[0].strength``, ``resolution.width``) or the answer to a question (``[[animal]]``).
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from studio.errors import InvalidBatch
from studio.graphs.problems import clip

MAX_CELLS: Final = 1_000
MAX_AXES: Final = 8
MAX_COUNT: Final = 100
MAX_PLACES: Final = 20
MAX_LABEL: Final = 80
COUNT: Final = "#"
"""The place of the axis that repeats a cell with other seeds."""

_PLACE: Final = re.compile(
    r"\[\[(?P<question>.{1,200})\]\]|(?P<input>[^.\[\]]{1,100})(?P<steps>.*)"
)
_STEP: Final = re.compile(r"\.([^.\[\]]{1,100})|\[(\d{1,4})\]")


@dataclass(frozen=True, slots=True)
class Place:
    """What an axis sets: a question's answer, or an input and the way to a part of it."""

    written: str
    question: str | None
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """``values[i]`` has one value for each place, and is called ``labels[i]``."""

    places: tuple[Place, ...]
    values: tuple[tuple[Any, ...], ...]
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        return ", ".join(place.written for place in self.places) or COUNT


ONCE: Final = Axis((), ((),), ("1",))
"""The axis of a batch in which nothing varies."""


def read_axes(lists: object, axes: object, count: object) -> tuple[Axis, ...]:
    """The axes of a request: its lists, taken side by side, are one; repetition is the last.

    Raises:
        InvalidBatch: they make no grid, or one that is too large; it says where.
    """
    found: list[Axis] = []
    if zipped := _items(lists, "lists", MAX_PLACES):
        found.append(_axis(zipped))
    found += [_axis([item]) for item in _items(axes, "axes", MAX_AXES)]
    if count is not None and (type(count) is not int or not 1 <= count <= MAX_COUNT):
        raise _refusal("count", f"must be a whole number from 1 to {MAX_COUNT}.")
    if type(count) is int and count > 1:
        numbers = tuple(str(number) for number in range(1, count + 1))
        found.append(Axis((), ((),) * count, numbers))
    written = [place.written for axis in found for place in axis.places]
    for place in written:
        if written.count(place) > 1:
            raise _refusal("axes", f"“{clip(place, 60)}” is varied twice.")
    cells = math.prod(len(axis.labels) for axis in found)
    if cells > MAX_CELLS:
        raise _refusal("axes", f"make {cells} jobs; a batch has at most {MAX_CELLS}.")
    return tuple(found)


def coordinates(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every cell in order: the last axis is the quickest."""
    return itertools.product(*(range(size) for size in sizes))


def at_cell(
    axes: Sequence[Axis],
    cell: Sequence[int],
    values: Mapping[str, Any],
    answers: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Copies of ``values`` and ``answers`` with what the axes say at ``cell``.

    Raises:
        InvalidBatch: a place leads to nothing.
    """
    own_values, own_answers = copy.deepcopy(dict(values)), dict(answers)
    for axis, index in zip(axes, cell, strict=True):
        for place, value in zip(axis.places, axis.values[index], strict=True):
            if place.question is not None:
                own_answers[place.question] = value
            else:
                _put(own_values, place, copy.deepcopy(value))
    return own_values, own_answers


def _put(values: dict[str, Any], place: Place, value: Any) -> None:
    target: Any = values
    for step in place.steps[:-1]:
        target = _inside(target, step, place)
    last = place.steps[-1]
    if not (isinstance(last, str) and isinstance(target, dict)):
        _inside(target, last, place)
    target[last] = value


def _inside(target: Any, step: str | int, place: Place) -> Any:
    if isinstance(step, str) and isinstance(target, dict) and step in target:
        return target[step]
    if isinstance(step, int) and isinstance(target, list) and step < len(target):
        return target[step]
    raise _refusal(place.written, "leads to nothing: the values have no such part.")


def _items(given: object, name: str, most: int) -> list[tuple[str, dict[str, Any]]]:
    """The lists, or axes, of a request, each with its place in it."""
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > most:
        raise _refusal(name, f"must be a list of at most {most}.")
    for index, item in enumerate(given):
        if not isinstance(item, dict) or not item.keys() <= {"input", "values", "labels"}:
            raise _refusal(f"{name}[{index}]", "must be {input, values, labels?}.")
    return [(f"{name}[{index}]", item) for index, item in enumerate(given)]


def _axis(items: Sequence[tuple[str, dict[str, Any]]]) -> Axis:
    """One axis; several items are varied together."""
    columns = [_values(item.get("values"), f"{where}.values") for where, item in items]
    if len({len(column) for column in columns}) > 1:
        raise _refusal("lists", "must all have as many values: they are taken side by side.")
    where, first = items[0]
    return Axis(
        tuple(_place(item.get("input"), f"{where}.input") for where, item in items),
        tuple(zip(*columns, strict=True)),
        _labels(first.get("labels"), columns[0], f"{where}.labels"),
    )


def _values(given: object, where: str) -> list[Any]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_CELLS:
        raise _refusal(where, f"must be a list of 1 to {MAX_CELLS}.")
    return given


def _labels(given: object, values: Sequence[Any], where: str) -> tuple[str, ...]:
    if given is None:
        return tuple(label(value, index) for index, value in enumerate(values))
    if (
        not isinstance(given, list)
        or len(given) != len(values)
        or not all(isinstance(text, str) and len(text) <= MAX_LABEL for text in given)
    ):
        raise _refusal(where, f"must be as many texts as there are values, {MAX_LABEL} characters.")
    return tuple(given)


def label(value: Any, index: int) -> str:
    """What to call a value that was given no label."""
    match value:
        case str():
            text = " ".join(value.split())
        case {"width": width, "height": height}:
            text = f"{width}×{height}"
        case {"asset": _}:
            text = f"{index + 1}"
        case [{"file": str()}, *_] if all(isinstance(item, dict) for item in value):
            files = [PurePosixPath(str(item.get("file"))).stem for item in value]
            text = ", ".join(files)
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return clip(text, MAX_LABEL)


def _place(given: object, where: str) -> Place:
    found = _PLACE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise _refusal(where, "must name an input, or a question as [[name]].")
    if found["question"] is not None:
        return Place(found[0], found["question"], ())
    steps: list[str | int] = [found["input"]]
    position = found.start("steps")
    while position < found.end():
        step = _STEP.match(found[0], position)
        if step is None or len(steps) > MAX_AXES:
            raise _refusal(where, "must be like loras[0].strength.")
        steps.append(step[1] if step[1] is not None else int(step[2]))
        position = step.end()
    return Place(found[0], None, tuple(steps))


def _refusal(where: str, message: str) -> InvalidBatch:
    return InvalidBatch(f"{where} {message}", details={"where": where})
