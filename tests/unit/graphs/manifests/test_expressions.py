"""Conditions and the values in double braces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.graphs.manifests.expressions import ExpressionError, parse_expression

SCOPE: dict[str, Any] = {
    "p": True,
    "no": False,
    "empty": "",
    "nothing": None,
    "mode": "fast",
    "steps": 20,
    "half": 0.5,
    "size": {"width": 640, "height": 480},
    "items": ["a", "b", "c"],
    "none": [],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p", True), ("!p", False), ("!!p", True), ("not p", False), ("no", False),
        ("!empty", True), ("!nothing", True), ("!none", True), ("items", True),
        ("mode == fast", True), ("mode == slow", False), ("mode != slow", True),
        ("mode == 'fast'", True), ("steps == 20", True), ("steps != 20", False),
        ("p == true", True), ("no == false", True), ("p and mode == fast", True),
        ("p and no", False), ("no or p", True), ("no and p or p", True), ("no and (p or p)", False),
        ("steps > 10 and steps <= 20", True), ("half < 1", True), ("!(p and no)", True),
        ("nothing and nothing.more", False), ("steps == (steps)", True), ("mode == steps", False),
    ],
)  # fmt: skip
def test_conditions_mean_what_they_say(text: str, expected: bool) -> None:
    assert parse_expression(text).holds(SCOPE) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps // 2", 10), ("steps / 2", 10), ("steps / 3 * 3", 20), ("half * 16 + 1", 9),
        ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("-steps + 1", -19), ("7 % 4 - 1", 2),
        ("size.width", 640), ("items.count", 3), ("items.first", "a"), ("items.rest", ["b", "c"]),
        ("'a b'", "a b"), ("half", 0.5), ("10 - 2 - 3", 5),
    ],
)  # fmt: skip
def test_values_are_computed(text: str, expected: Any) -> None:
    value = parse_expression(text).value(SCOPE)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    "text",
    ["", "  ", "p and", "== p", "(p", "p)", "p p", "p = 1", "p & no", "a..b", "import os;", "p()",
     "x[0]", "'open", "(" * 30 + "p" + ")" * 30, "-" * 40 + "1", "p " * 300, "$", "or"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["unknown", "size.depth", "steps.real", "mode * 3", "steps / 0", "steps % 0", "mode < 1",
     "*".join(["1000000"] * 40), "p + 1", "items.append"],
)  # fmt: skip
def test_what_has_no_value_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text).value(SCOPE)


def test_an_expression_says_which_names_it_uses() -> None:
    assert parse_expression("size.width > 5 and !p or mode == fast").names == {"size", "p", "mode"}


@given(st.text(alphabet="pno()!=<>+-*/% .'1d", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse_expression(text).value(SCOPE)
    except ExpressionError as refusal:
        assert str(refusal)
