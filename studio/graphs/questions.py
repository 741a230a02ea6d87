r"""Questions inside the texts of a preset, asked whenever it is run.

``[[question]]`` takes any words, ``[[question:a|b|c]]`` one of a choice. ``=`` after it begins a
default: ``[[question:a|b=a]]``. A name before it, ``[[animal=Which animal?]]``, lets other places
use the same answer as ``[[animal]]``, and keeps stored answers apart from the wording. ``\[[`` is
two brackets; inside a question a back-slash takes the meaning from ``: | = ]`` and itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InvalidAnswers, InvalidPrompt
from studio.graphs.problems import clip

MAX_QUESTIONS: Final = 50
MAX_OPTIONS: Final = 100
MAX_QUESTION: Final = 4_000
"""Characters between one pair of brackets."""
MAX_ANSWER: Final = 20_000
MAX_DEPTH: Final = 16

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
# From the first of a row of back-slashes only: a row that leads nowhere is read once, not once for
# each of them.
_OPENING: Final = re.compile(r"(?<!\\)(\\*)\[\[")
_MARKS: Final = ":|="
_ESCAPABLE: Final = ":|=[]\\"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, however often it occurs.

    ``name`` is what its answer is filed under: the name it was given, else its own words.
    ``where`` is the first place it was found.
    """

    name: str
    text: str
    options: tuple[str, ...]
    default: str | None
    where: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """One occurrence as it is written. ``text`` is empty where only a name is."""

    name: str
    text: str
    options: tuple[str, ...]
    default: str | None

    @property
    def defines(self) -> bool:
        """Whether it says more than which answer it wants."""
        return bool(self.options) or self.default is not None or self.text not in ("", self.name)


def questions(values: object) -> list[Question]:
    """The questions in all texts of ``values``, in order, each once.

    Raises:
        InvalidPrompt: one cannot be read, contradicts another of its name, or is never defined.
    """
    found: dict[str, tuple[_Asked, str]] = {}
    for where, text in texts(values):
        for part in _parse(text, where):
            if isinstance(part, str):
                continue
            earlier = found.get(part.name)
            if earlier is None:
                found[part.name] = (part, where)
            elif not earlier[0].defines:
                found[part.name] = (part if part.defines else earlier[0], earlier[1])
            elif part.defines and part != earlier[0]:
                raise _refusal(
                    f"The question “{clip(part.name, 60)}” is asked in two ways, also at "
                    f"{earlier[1]}; give one of them another name.",
                    where,
                )
            if len(found) > MAX_QUESTIONS:
                raise _refusal(f"There are more than {MAX_QUESTIONS} questions.", where)
    return [_question(asked, where) for asked, where in found.values()]


def _question(asked: _Asked, where: str) -> Question:
    if not asked.text and not asked.defines:
        raise _refusal(f"No question is named “{clip(asked.name, 60)}”.", where)
    return Question(asked.name, asked.text or asked.name, asked.options, asked.default, where)


def check_answers(asked: list[Question], given: Mapping[str, object]) -> dict[str, str]:
    """An answer for every question: the given one, or else its default.

    Raises:
        InvalidAnswers: some are missing, none of the choices, too long or to no question.
    """
    names = {question.name for question in asked}
    for name in given:
        if name not in names:
            raise InvalidAnswers(
                f"There is no question “{clip(name, 60)}”.",
                details={"question": name, "questions": sorted(names)},
            )
    answers = {question.name: _answer(question, given.get(question.name)) for question in asked}
    missing = [name for name, answer in answers.items() if answer is None]
    if missing:
        raise InvalidAnswers(
            f"“{clip(missing[0], 60)}” needs an answer.", details={"missing": missing}
        )
    return {name: answer for name, answer in answers.items() if answer is not None}


def _answer(question: Question, given: object) -> str | None:
    if given is None:
        return question.default
    shown = clip(question.name, 60)
    if not isinstance(given, str) or len(given) > MAX_ANSWER:
        raise InvalidAnswers(
            f"The answer to “{shown}” must be text of at most {MAX_ANSWER} characters.",
            details={"question": question.name},
        )
    if question.options and given not in question.options:
        raise InvalidAnswers(
            f"The answer to “{shown}” must be one of its choices: "
            f"{clip(', '.join(question.options), 200)}.",
            details={"question": question.name, "options": list(question.options)},
        )
    return given


def fill(
    value: object, answers: Mapping[str, str], quote: Callable[[str], str] = str, where: str = ""
) -> Any:
    """A copy of ``value`` with answers in the place of questions, at any depth.

    Args:
        answers: from ``check_answers``; an answer is never searched for questions.
        quote: what an answer goes through, so that it means itself in a grammar that comes later.
    """
    if isinstance(value, str):
        return "".join(
            part if isinstance(part, str) else quote(answers[part.name])
            for part in _parse(value, where)
        )
    if isinstance(value, dict):
        return {key: fill(item, answers, quote, where) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, answers, quote, where) for item in value]
    return value


def literal(text: str) -> str:
    """``text`` written so that it asks nothing."""
    return _OPENING.sub(lambda found: f"{found[1] * 2}\\[[", text)


def texts(value: object, where: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in ``value`` with its place, such as ``scenes[0].prompt``.

    Raises:
        InvalidPrompt: it is nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise _refusal(f"Values are nested more than {MAX_DEPTH} deep.", where)
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{where}.{key}" if where else str(key), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{where}[{index}]", depth + 1)


def _parse(text: str, where: str) -> Iterator[str | _Asked]:
    start = 0
    while opening := _OPENING.search(text, start):
        slashes = len(opening[1])
        yield text[start : opening.start()] + "\\" * (slashes // 2)
        if slashes % 2:
            yield "[["
            start = opening.end()
        else:
            asked, start = _asked(text, opening.end(), where)
            yield asked
    yield text[start:]


def _asked(text: str, start: int, where: str) -> tuple[_Asked, int]:
    """What stands after an opening pair of brackets, and where it ends."""
    pieces, end = _pieces(text, start, where)
    name = ""
    if len(pieces) > 1 and pieces[1][0] == "=" and _NAME.fullmatch(pieces[0][1]):
        name = pieces.pop(0)[1]
    words = pieces[0][1]
    options: list[str] = []
    default: str | None = None
    for mark, piece in pieces[1:]:
        if default is not None:
            default += mark + piece
        elif mark == "=":
            default = piece
        elif options or mark == ":":
            if options and mark == ":":
                options[-1] += f":{piece}"
            else:
                options.append(piece)
        else:
            words += mark + piece
    words = words.strip()
    if not words and not name:
        raise _refusal(f"The question at character {start + 1} has no words.", where)
    if len(options) > MAX_OPTIONS or len(set(options)) < len(options):
        raise _refusal(
            f"“{clip(words, 60)}” must offer at most {MAX_OPTIONS} choices, each once.", where
        )
    if default is not None and options and default not in options:
        raise _refusal(f"The default of “{clip(words, 60)}” is none of its choices.", where)
    return _Asked(name or words, words, tuple(options), default), end


def _pieces(text: str, start: int, where: str) -> tuple[list[tuple[str, str]], int]:
    """A question's text cut at its marks: pairs of the mark before a piece, and the piece."""
    pieces = [["", ""]]
    position = start
    while position < min(len(text), start + MAX_QUESTION):
        character = text[position]
        if text.startswith("]]", position):
            return [(mark, piece) for mark, piece in pieces], position + 2
        if text.startswith("[[", position):
            break
        if character == "\\" and text[position + 1 : position + 2] in tuple(_ESCAPABLE):
            position += 1
            pieces[-1][1] += text[position]
        elif character in _MARKS:
            pieces.append([character, ""])
        else:
            pieces[-1][1] += character
        position += 1
    raise _refusal(
        f"The question at character {start + 1} has no end. Close it with ]], or write \\[[ for "
        "two brackets.",
        where,
    )


def _refusal(message: str, where: str) -> InvalidPrompt:
    return InvalidPrompt(f"{where}: {message}" if where else message, details={"where": where})
