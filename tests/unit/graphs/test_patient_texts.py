"""Texts made to be read slowly: read once. Otherwise each of these would take hours."""

from __future__ import annotations

import pytest

from studio.errors import InvalidWorkflow, UnresolvedName
from studio.graphs.manifests.blocks import read_block
from studio.graphs.questions import fill, literal, questions
from studio.graphs.ui.prompt import without_comments

MANY = 2_000_000


def test_a_row_of_back_slashes_before_no_question_is_read_once() -> None:
    text = "\\" * MANY
    assert questions({"prompt": text}) == []
    assert fill(text, {}) == text
    assert literal(text) == text


@pytest.mark.parametrize("text", ["{{" * MANY, "{{a" * MANY])
def test_braces_of_a_block_that_are_never_closed_are_read_once(text: str) -> None:
    block = {"nodes": {"1": {"class_type": "A", "inputs": {"text": text}}}}
    with pytest.raises((InvalidWorkflow, UnresolvedName), match="never closed"):
        read_block("a.json", block)


def test_comments_of_a_prompt_that_never_end_are_read_once() -> None:
    assert without_comments("/* " * MANY) == "/* " * MANY


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a /* b */ c", "a  c"),
        ("a // b */\nc", "a \nc"),
        ("/* a // b */ c", " c"),
        ("// a /*\nb */", "\nb */"),
        ("a /*/ b", "a /*/ b"),
        ("a /* b // c\nd", "a /* b \nd"),
    ],
)
def test_comments_go_and_what_has_no_end_stays(text: str, left: str) -> None:
    assert without_comments(text) == left
