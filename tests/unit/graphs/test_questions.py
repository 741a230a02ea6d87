r"""Questions inside of texts: how they are read, answered, and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InvalidAnswers, InvalidPrompt
from studio.graphs.questions import (
    MAX_ANSWER,
    MAX_DEPTH,
    MAX_OPTIONS,
    MAX_QUESTION,
    MAX_QUESTIONS,
    Question,
    check_answers,
    fill,
    literal,
    questions,
)

GRAMMAR = st.text(alphabet="ab [[]]:|=\\_", max_size=40)
VALUES = st.recursive(
    st.one_of(GRAMMAR, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text("xy"), inner)),
    max_leaves=12,
)


def one(text: str) -> Question:
    [found] = questions({"prompt": text})
    return found


@pytest.mark.parametrize(
    ("text", "name", "words", "options", "default"),
    [
        ("[[What?]]", "What?", "What?", (), None),
        ("[[ What? ]]", "What?", "What?", (), None),
        ("[[What?:a|b|c]]", "What?", "What?", ("a", "b", "c"), None),
        ("[[What?:a|b=b]]", "What?", "What?", ("a", "b"), "b"),
        ("[[What?=a fox]]", "What?", "What?", (), "a fox"),
        ("[[animal=What?]]", "animal", "What?", (), None),
        ("[[animal=What?:fox|owl=owl]]", "animal", "What?", ("fox", "owl"), "owl"),
        ("[[animal=What?=]]", "animal", "What?", (), ""),
        ("[[animal=:fox|owl]]", "animal", "animal", ("fox", "owl"), None),
        ("[[style:|oil]]", "style", "style", ("", "oil"), None),
        (r"[[Ratio 16\:9 or 4\:3?:16\:9|4\:3]]", "Ratio 16:9 or 4:3?", "Ratio 16:9 or 4:3?",
         ("16:9", "4:3"), None),
        (r"[[a \[\[b\]\] \\ c?]]", r"a [[b]] \ c?", r"a [[b]] \ c?", (), None),
        (r"[[n=x:1\|2|3\=4=3\=4]]", "n", "x", ("1|2", "3=4"), "3=4"),
        ("[[What|when?]]", "What|when?", "What|when?", (), None),
    ],
)  # fmt: skip
def test_a_question_has_a_name_words_choices_and_a_default(
    text: str, name: str, words: str, options: tuple[str, ...], default: str | None
) -> None:
    assert one(text) == Question(name, words, options, default, "prompt")


def test_questions_are_found_at_any_depth_in_reading_order() -> None:
    values = {
        "prompt": "a [[animal=Which animal?]] in [[Where?]]",
        "scenes": [{"prompt": "it runs", "seed": 4}, {"prompt": "[[mood:calm|wild]]"}],
        "loras": [{"file": "[[Which style?]].safetensors", "strength": 0.5}],
    }
    assert [(found.name, found.where) for found in questions(values)] == [
        ("animal", "prompt"),
        ("Where?", "prompt"),
        ("mood", "scenes[1].prompt"),
        ("Which style?", "loras[0].file"),
    ]


@pytest.mark.parametrize("reference", ["[[animal]]", "[[animal=]]"])
@pytest.mark.parametrize("first", [True, False])
def test_a_name_is_asked_once_wherever_it_is_defined(reference: str, first: bool) -> None:
    texts = ["[[animal=Which?:fox|owl=owl]]", f"the {reference}"]
    values = dict(enumerate(texts if first else reversed(texts)))
    [found] = questions({str(key): text for key, text in values.items()})
    assert (found.name, found.text, found.options, found.default) == (
        "animal", "Which?", ("fox", "owl"), "owl",
    )  # fmt: skip
    assert found.where == "0"


def test_an_answer_stays_with_its_question_when_the_text_around_it_changes() -> None:
    before = {"prompt": "[[animal=Which?]] and [[Where?]]"}
    after = {"prompt": "[[Mood?=calm]]: [[Where?]] sits [[animal=Which animal?]]"}
    answers = check_answers(questions(before), {"animal": "fox", "Where?": "a wood"})
    kept = check_answers(questions(after), answers)
    assert fill(after, kept) == {"prompt": "calm: a wood sits fox"}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"\[[not a question]]", "[[not a question]]"),
        (r"\\[[q=Q=x]]", "\\x"),
        (r"\\\[[x", "\\[["+"x"),
        ("a ]] b [ c ] d", "a ]] b [ c ] d"),
        (r"C:\new", r"C:\new"),
    ],
)  # fmt: skip
def test_brackets_can_be_meant_as_they_are(text: str, plain: str) -> None:
    assert fill(text, check_answers(questions(text), {})) == plain


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompt": "a [[fox"}, "character 5"),
        ({"prompt": "[[a [[b]]"}, "character 3"),
        ({"prompt": "[[]]"}, "no words"),
        ({"prompt": "[[ :a|b]]"}, "no words"),
        ({"prompt": "[[animal=]]"}, "animal"),
        ({"prompt": "[[q:a|a]]"}, "each once"),
        ({"prompt": "[[q:" + "|".join(map(str, range(MAX_OPTIONS + 1))) + "]]"}, "each once"),
        ({"prompt": "[[q:a|b=c]]"}, "none of its choices"),
        ({"prompt": "[[n=one?]] [[n=two?]]"}, "two ways"),
        ({"prompt": "[[q:a|b]] [[q:a|c]]"}, "two ways"),
        ({"prompt": "[[" + "x" * MAX_QUESTION + "]]"}, "no end"),
        ({"prompt": "".join(f"[[q{n}]]" for n in range(MAX_QUESTIONS + 1))}, "more than"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_place(
    values: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidPrompt) as caught:
        questions(values)
    assert caught.value.message.startswith("prompt: ")
    assert said in caught.value.message
    assert caught.value.details == {"where": "prompt"}


def test_values_that_are_nested_without_end_are_refused() -> None:
    values: object = "text"
    for _ in range(MAX_DEPTH + 1):
        values = [values]
    with pytest.raises(InvalidPrompt, match="nested"):
        questions(values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs an answer"),
        ({"free": None}, "needs an answer"),
        ({"free": "x", "other": "x"}, "There is no question “other”"),
        ({"free": 5}, "must be text"),
        ({"free": "x" * (MAX_ANSWER + 1)}, "must be text"),
        ({"free": "x", "pick": "c"}, "one of its choices"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_answer_that_does_not_fit_is_refused_by_its_question(
    given: dict[str, object], said: str
) -> None:
    asked = questions("[[free]] [[pick:a|b=a]]")
    with pytest.raises(InvalidAnswers, match=said):
        check_answers(asked, given)


def test_an_answer_asks_nothing_and_goes_through_the_quote() -> None:
    text = "[[free]] and [[free]]"
    assert fill(text, {"free": "[[other]]"}) == "[[other]] and [[other]]"
    assert fill(text, {"free": "x"}, str.upper) == "X and X"


@given(st.text(alphabet="ab [\\]:|=", max_size=60))
def test_any_text_can_be_written_so_that_it_asks_nothing(text: str) -> None:
    assert questions(literal(text)) == []
    assert fill(literal(text), {}) == text


@given(VALUES)
def test_values_are_either_refused_with_a_place_or_filled_whole(values: object) -> None:
    try:
        asked = questions(values)
    except InvalidPrompt as refusal:
        assert refusal.details is not None
        return
    answers = check_answers(
        asked, {question.name: (*question.options, "answer")[0] for question in asked}
    )
    filled = fill(values, answers)
    assert type(filled) is type(values)
    if not asked and not isinstance(values, dict | list | str):
        assert filled == values
