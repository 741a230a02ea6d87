"""The small language of conditions and of ``{{...}}`` in blocks.

Names are inputs and parts of them (``size.width``; of a list ``count``, ``first`` and ``rest``),
literals are numbers, quoted text, ``true`` and ``false``. There are ``and``, ``or``, ``!`` (or
``not``), comparisons, ``+ - * / // %`` and parentheses. On the right of ``==`` and ``!=`` a single
bare word is text: ``mode == fast``; in parentheses it is a name again.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.graphs.graph import is_number
from studio.graphs.problems import clip

MAX_LENGTH: Final = 500
_MAX_DEPTH: Final = 24
_LARGEST: Final = 2**63
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^']*'|\"[^\"]*\")|"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|"
    r"(?P<sign>==|!=|<=|>=|//|[<>!()+\-*/%]))"
)
_OF_LISTS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "count": len,
    "first": lambda items: items[0] if items else None,
    "rest": lambda items: items[1:],
}
_WORDS: Final = {"true": True, "false": False}

Scope = Mapping[str, Any]
_Node = Callable[[Scope], Any]


class ExpressionError(ValueError):
    """An expression that cannot be read or has no value; the message says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and the first parts of the names in it."""

    text: str
    names: frozenset[str]
    _node: _Node

    def value(self, scope: Scope) -> Any:
        """Its value over ``scope``.

        Raises:
            ExpressionError: a name has no value, or the values do not go together.
        """
        return self._node(scope)

    def holds(self, scope: Scope) -> bool:
        """Whether it is true: no, 0, empty text and empty lists are false; so is no value."""
        return bool(self._node(scope))


def parse_expression(text: str) -> Expression:
    """The expression in a text.

    Raises:
        ExpressionError: it is none.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters")
    parser = _Parser(text)
    node = parser.parse()
    return Expression(text, frozenset(parser.names), node)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()

    def parse(self) -> _Node:
        node = self._either()
        if self._at < len(self._tokens):
            raise self._unexpected()
        return node

    def _either(self) -> _Node:
        node = self._both()
        while self._take("or"):
            node = _Lazy(node, self._both(), any_of=True)
        return node

    def _both(self) -> _Node:
        node = self._negation()
        while self._take("and"):
            node = _Lazy(node, self._negation(), any_of=False)
        return node

    def _negation(self) -> _Node:
        count = 0
        while self._take("!") or self._take("not"):
            count += 1
        node = self._comparison()
        if not count:
            return node
        odd = count % 2 == 1
        return lambda scope: bool(node(scope)) is not odd

    def _comparison(self) -> _Node:
        left = self._sum()
        for sign in ("==", "!="):
            if self._take(sign):
                right = self._bare_word() or self._sum()
                same = sign == "=="
                return lambda scope: _equal(left(scope), right(scope)) is same
        for sign, compare in _ORDER.items():
            if self._take(sign):
                right = self._sum()
                return lambda scope: compare(_numeric(left(scope)), _numeric(right(scope)))
        return left

    def _sum(self) -> _Node:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> _Node:
        return self._chain(self._signed, ("*", "//", "/", "%"))

    def _chain(self, part: Callable[[], _Node], signs: tuple[str, ...]) -> _Node:
        node = part()
        while sign := next((sign for sign in signs if self._take(sign)), None):
            node = _Arithmetic(sign, node, part())
        return node

    def _signed(self) -> _Node:
        if self._take("-"):
            return _Arithmetic("-", lambda _: 0, self._deeper(self._signed))
        return self._atom()

    def _deeper(self, part: Callable[[], _Node]) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError("it is nested too deep")
        node = part()
        self._depth -= 1
        return node

    def _atom(self) -> _Node:
        if self._take("("):
            node = self._deeper(self._either)
            if not self._take(")"):
                raise ExpressionError("a ) is missing")
            return node
        if self._at == len(self._tokens):
            raise ExpressionError("something is missing at its end")
        kind, token = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            number: float | int = float(token) if "." in token else int(token)
            return lambda _: number
        if kind == "text":
            return lambda _: token[1:-1]
        if token in _WORDS:
            return lambda _: _WORDS[token]
        if kind == "name" and token not in ("and", "or", "not"):
            steps = token.split(".")
            self.names.add(steps[0])
            return lambda scope: _look_up(scope, steps)
        self._at -= 1
        raise self._unexpected()

    def _bare_word(self) -> _Node | None:
        """A single word that is not part of a larger sum."""
        if self._at == len(self._tokens):
            return None
        kind, token = self._tokens[self._at]
        if kind != "name" or token in _WORDS:
            return None
        self._at += 1
        return lambda _: token

    def _take(self, wanted: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] in (
            ("sign", wanted),
            ("name", wanted),
        ):
            self._at += 1
            return True
        return False

    def _unexpected(self) -> ExpressionError:
        return ExpressionError(f"“{clip(self._tokens[self._at][1], 40)}” is not expected there")


class _Lazy:
    """``and`` and ``or``: the second part is looked at only if it matters."""

    def __init__(self, first: _Node, second: _Node, *, any_of: bool) -> None:
        self._first, self._second, self._any_of = first, second, any_of

    def __call__(self, scope: Scope) -> bool:
        if bool(self._first(scope)) is self._any_of:
            return self._any_of
        return bool(self._second(scope))


class _Arithmetic:
    def __init__(self, sign: str, left: _Node, right: _Node) -> None:
        self._sign, self._left, self._right = sign, left, right

    def __call__(self, scope: Scope) -> int | float:
        left, right = _numeric(self._left(scope)), _numeric(self._right(scope))
        try:
            result: float | int = _SIGNS[self._sign](left, right)
        except (ZeroDivisionError, OverflowError) as error:
            raise ExpressionError("it divides by zero or grows beyond bounds") from error
        if not math.isfinite(result) or abs(result) > _LARGEST:
            raise ExpressionError("it grows beyond bounds")
        return int(result) if result == int(result) else result


_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "/": operator.truediv,
    "%": operator.mod,
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"“{clip(stripped[at:].strip(), 20)}” cannot be read")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    if not found:
        raise ExpressionError("it is empty")
    return found


def _look_up(scope: Scope, steps: list[str]) -> Any:
    value: Any = scope
    for step in steps:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step in _OF_LISTS:
            value = _OF_LISTS[step](value)
        else:
            raise ExpressionError(f"“{clip('.'.join(steps), 80)}” is not known")
    return value


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) and isinstance(right, str):
        return right == str(left).lower()
    if is_number(left) and isinstance(right, str):
        return right == str(left)
    return bool(left == right)


def _numeric(value: Any) -> Any:
    if not is_number(value):
        raise ExpressionError(f"“{clip(value, 40)}” is not a number")
    return value
