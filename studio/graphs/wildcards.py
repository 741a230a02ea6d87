r"""Dynamic prompts: texts with choices that a seed decides.

``{a|b|c}`` is one of them, ``{2::a|b}`` the first twice as likely; choices may be nested.
``__name__`` is a line of the word list of that name, which may have both of them too. ``\{``,
``\}``, ``\|``, ``\_`` and ``\\`` are the characters themselves, and so are braces without a ``|``
between them. The same text, lists and seed always make the same text.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import Final

from studio.errors import InvalidPrompt
from studio.graphs.problems import clip

MAX_TEXT: Final = 20_000
MAX_DRAWS: Final = 500
"""Choices that one text may take, those inside of lists included."""
MAX_DEPTH: Final = 12
MAX_LINES: Final = 10_000
LIST_NAME: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")

_NAMED: Final = re.compile(rf"__({LIST_NAME.pattern})__")
_WEIGHT: Final = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)::")
_ESCAPE: Final = re.compile(r"\\([_{}|\\])")
_MEANINGFUL: Final = re.compile(r"[_{}|\\]")
_PLAIN: Final = re.compile(r"[^_{}|\\]+")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice that was made: where, of what, and what it became."""

    where: str
    of: str
    value: str


@dataclass(frozen=True, slots=True)
class _Choice:
    """Texts of which one is taken: how it was written, and what the weights add up to."""

    source: str
    options: tuple[_Text, ...]
    sums: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """A line of a word list."""

    name: str


_Text = tuple[str | _Choice | _Named, ...]


class WordLists:
    """Lists by name, read as far as they are drawn from."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists
        self._sums: dict[str, tuple[float, ...]] = {}

    def sums(self, name: str, where: str) -> tuple[float, ...]:
        """What the weights of a list's lines add up to."""
        if name not in self._lists:
            raise _refusal(
                f"There is no list “{clip(name, 60)}”. Make one, or write \\_ for an underscore.",
                where,
            )
        if name not in self._sums:
            weights = [_weight(line)[0] for line in self._lists[name]]
            self._sums[name] = _summed(weights, f"__{name}__", where)
        return self._sums[name]

    def line(self, name: str, index: int) -> _Text:
        line = self._lists[name][index]
        return _parse(line[_weight(line)[1] :], f"{name}, line {index + 1}")


def expand(text: str, lists: WordLists, seed: str, where: str = "") -> tuple[str, list[Chosen]]:
    """The text that ``seed`` makes of ``text``, and the choices on the way.

    Args:
        lists: every list it may need; see ``list_names``.
        where: the text's place, for refusals and for what was chosen.

    Raises:
        InvalidPrompt: it cannot be read, names no list or one that leads to itself, or becomes
            too long.
    """
    drawing = _Drawing(lists, random.Random(seed), where)  # noqa: S311
    return drawing.text(_parse(text, where), ()), drawing.chosen


def check(text: str, where: str = "") -> None:
    """Refuse a text that cannot be read.

    Raises:
        InvalidPrompt: it says where.
    """
    _parse(text, where)


def check_list(name: str, lines: Sequence[str]) -> None:
    """Refuse a word list that cannot be drawn from.

    Raises:
        InvalidPrompt: it names the line.
    """
    if not 0 < len(lines) <= MAX_LINES:
        raise _refusal(f"A list has 1 to {MAX_LINES} lines.", name)
    lists = WordLists({name: lines})
    lists.sums(name, name)
    for index in range(len(lines)):
        lists.line(name, index)


def list_names(text: str) -> set[str]:
    """The lists that ``text`` names, or may name."""
    return set(_NAMED.findall(text))


def literal(text: str) -> str:
    """``text`` written so that nothing in it is a choice."""
    return _MEANINGFUL.sub(lambda found: f"\\{found[0]}", text)


class _Drawing:
    """One text that is being made."""

    def __init__(self, lists: WordLists, generator: random.Random, where: str) -> None:
        self._lists = lists
        self._generator = generator
        self._where = where
        self._length = 0
        self._draws = 0
        self.chosen: list[Chosen] = []

    def text(self, parts: _Text, inside: tuple[str, ...]) -> str:
        """``inside`` names the lists whose lines led here."""
        made = []
        for part in parts:
            if isinstance(part, str):
                self._length += len(part)
                if self._length > MAX_TEXT:
                    raise _refusal(
                        f"The text becomes longer than {MAX_TEXT} characters.", self._where
                    )
                made.append(part)
            elif isinstance(part, _Choice):
                options = part.options
                made.append(self._draw(part.source, part.sums, options.__getitem__, inside))
            else:
                made.append(self._draw_line(part.name, inside))
        return "".join(made)

    def _draw_line(self, name: str, inside: tuple[str, ...]) -> str:
        way = (*inside, name)
        if name in inside:
            raise _refusal(f"The lists lead into each other: {' → '.join(way)}.", self._where)
        if len(way) > MAX_DEPTH:
            raise _refusal(f"The lists lead more than {MAX_DEPTH} deep.", self._where)
        sums = self._lists.sums(name, self._where)
        return self._draw(f"__{name}__", sums, lambda index: self._lists.line(name, index), way)

    def _draw(
        self,
        source: str,
        sums: tuple[float, ...],
        option: Callable[[int], _Text],
        inside: tuple[str, ...],
    ) -> str:
        self._draws += 1
        if self._draws > MAX_DRAWS:
            raise _refusal(f"This takes more than {MAX_DRAWS} choices.", self._where)
        # Its place is taken before its value is known, so that choices stand in reading order.
        place = len(self.chosen)
        self.chosen.append(Chosen(self._where, clip(source, 200), ""))
        index = bisect_right(sums, self._generator.random() * sums[-1])
        value = self.text(option(min(index, len(sums) - 1)), inside)
        self.chosen[place] = replace(self.chosen[place], value=value)
        return value


@lru_cache(maxsize=256)
def _parse(text: str, where: str) -> _Text:
    if len(text) > MAX_TEXT:
        raise _refusal(f"A text has at most {MAX_TEXT} characters.", where)
    return _Reader(text, where).parts()


class _Reader:
    """Reads one text from its start to its end."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._at = 0

    def parts(self, depth: int = 0) -> _Text:
        """What comes next: all of it, or inside of braces up to a ``|`` or ``}``."""
        found: list[str | _Choice | _Named] = []
        while self._at < len(self._text):
            character = self._text[self._at]
            if depth and character in "|}":
                break
            if character == "{":
                found += self._braces(depth + 1)
                continue
            if escaped := _ESCAPE.match(self._text, self._at):
                found.append(escaped[1])
                self._at = escaped.end()
            elif named := _NAMED.match(self._text, self._at):
                found.append(_Named(named[1]))
                self._at = named.end()
            else:
                plain = _PLAIN.match(self._text, self._at)
                end = plain.end() if plain else self._at + 1
                found.append(self._text[self._at : end])
                self._at = end
        return tuple(found)

    def _braces(self, depth: int) -> _Text:
        """A choice, or what stands in braces that offer none."""
        start = self._at
        if depth > MAX_DEPTH:
            raise _refusal(f"Choices are nested more than {MAX_DEPTH} deep.", self._where)
        options, weights = [], []
        while True:
            self._at += 1
            weight, end = _weight(self._text, self._at)
            at, self._at = self._at, end
            options.append(self.parts(depth))
            weights.append(weight)
            if self._at == len(self._text):
                raise _refusal(
                    f"The choice at character {start + 1} has no end. Close it with }}, or write "
                    "\\{ for a brace.",
                    self._where,
                )
            if self._text[self._at] == "}":
                break
        self._at += 1
        source = self._text[start : self._at]
        if len(options) == 1:
            return ("{", self._text[at:end], *options[0], "}")
        return (_Choice(source, tuple(options), _summed(weights, source, self._where)),)


def _weight(text: str, start: int = 0) -> tuple[float, int]:
    """The weight that is written at ``start``, and where what it belongs to begins."""
    found = _WEIGHT.match(text, start)
    return (float(found[1]), found.end()) if found else (1.0, start)


def _summed(weights: Sequence[float], source: str, where: str) -> tuple[float, ...]:
    sums = tuple(accumulate(weights))
    if not sums[-1]:
        raise _refusal(f"Every weight of {clip(source, 60)} is 0.", where)
    return sums


def _refusal(message: str, where: str) -> InvalidPrompt:
    return InvalidPrompt(f"{where}: {message}" if where else message, details={"where": where})
