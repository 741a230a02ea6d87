r"""Dynamic prompts: what a seed makes of a text, and what is refused."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InvalidPrompt
from studio.graphs.wildcards import (
    MAX_DEPTH,
    MAX_DRAWS,
    MAX_LINES,
    MAX_TEXT,
    Chosen,
    WordLists,
    check,
    check_list,
    expand,
    list_names,
    literal,
)

NONE = WordLists({})
GRAMMAR = st.text(alphabet="ab {}|\\_:2.", max_size=60)
PLAIN = st.text(alphabet="ab _", max_size=6).filter(lambda text: "__" not in text)
PINNED = ["a green fox in a wood", "a green fox in a wood", "a blue fox in deep water"]


def expanded(text: str, seed: str = "1", **lists: list[str]) -> str:
    return expand(text, WordLists(lists), seed)[0]


def test_the_same_seed_makes_the_same_text_and_others_make_others() -> None:
    text = "a {red|blue|{dark|light} green} __animal__"
    lists = {"animal": ["fox", "owl", "{sea|field} mouse"]}
    made = {seed: expanded(text, str(seed), **lists) for seed in range(40)}
    assert made == {seed: expanded(text, str(seed), **lists) for seed in range(40)}
    assert len(set(made.values())) > 8


def test_what_a_seed_makes_never_changes_from_release_to_release() -> None:
    text = "a {red|green|blue} {2::fox|owl} in {a wood|{deep|shallow} water}"
    assert [expanded(text, seed) for seed in ("1", "2", "3")] == PINNED


def test_weights_make_a_choice_likelier_or_impossible() -> None:
    counts = Counter(expanded("{3::a|b|0::c}", str(seed)) for seed in range(2000))
    assert counts["c"] == 0
    assert 1300 < counts["a"] < 1700
    lines = Counter(expanded("__list__", str(seed), list=["3::a", "b"]) for seed in range(2000))
    assert 1300 < lines["a"] < 1700


def test_choices_are_recorded_in_reading_order_with_their_place() -> None:
    lists = WordLists({"animal": ["{red} __size__ fox"], "size": ["small"]})
    written = "{the __animal__|the __animal__}, {0::x|y}"
    text, chosen = expand(written, lists, "1", "scenes[0].prompt")
    assert text == "the {red} small fox, y"
    assert chosen == [
        Chosen("scenes[0].prompt", "{the __animal__|the __animal__}", "the {red} small fox"),
        Chosen("scenes[0].prompt", "__animal__", "{red} small fox"),
        Chosen("scenes[0].prompt", "__size__", "small"),
        Chosen("scenes[0].prompt", "{0::x|y}", "y"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "", "a fox", '{"json": 1}', "smile :}", "a | b", "my_name", "my__name", "__", "____",
        "{2::a}", r"(weights:1.2), \(escaped\)", "__not a name__",
    ],
)  # fmt: skip
def test_what_offers_no_choice_stays_as_it_is(text: str) -> None:
    assert expand(text, NONE, "1") == (text, [])


def test_characters_can_be_meant_as_they_are() -> None:
    assert expanded(r"\{a\|b\} \__name__ \\ \_") == r"{a|b} __name__ \ _"
    assert expanded(r"{a\|b\}|a\|b\}}") == "a|b}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a {b", "character 3"),
        ("{a|{b}", "character 1"),
        ("{a|b|", "character 1"),
        ("{0::a|0::b}", "0"),
        ("__unknown__", "“unknown”"),
        ("__loop__", "loop → other → loop"),
        ("__wide__", "more than"),
        ("__long__ __long__", "longer than"),
        ("__0__", "more than 12 deep"),
        ("__broken__", "broken, line 1"),
        ("{" * 20 + "a|b" + "}" * 20, "nested"),
        ("x" * (MAX_TEXT + 1), "at most"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_text_that_cannot_be_made_is_refused_with_its_place(text: str, said: str) -> None:
    lists = WordLists(
        {
            "loop": ["__other__"],
            "other": ["__loop__"],
            "wide": ["__deep__ " * 100],
            "deep": ["{a|b}" * 20],
            "long": ["x" * (MAX_TEXT // 2)],
            "broken": ["{a"],
            **{str(number): [f"__{number + 1}__"] for number in range(MAX_DEPTH + 1)},
        }
    )
    with pytest.raises(InvalidPrompt) as caught:
        expand(text, lists, "1", "prompt")
    assert said in caught.value.message
    assert caught.value.details is not None


def test_lists_that_multiply_stop_at_a_bounded_number_of_choices() -> None:
    lists = WordLists({f"l{n}": [f"__l{n + 1}__" * 10] for n in range(11)} | {"l11": ["x"]})
    with pytest.raises(InvalidPrompt, match=str(MAX_DRAWS)):
        expand("__l0__", lists, "1")


def test_a_list_is_read_as_a_whole_before_it_is_kept() -> None:
    check_list("animal", ["fox", "2::owl", "{sea|field} mouse", "__size__ dog"])
    for lines, said in (
        ([], "1 to"),
        (["x"] * (MAX_LINES + 1), "1 to"),
        (["fox", "{a"], "animal, line 2"),
        (["0::fox"], "0"),
    ):
        with pytest.raises(InvalidPrompt, match=said):
            check_list("animal", lines)


def test_the_lists_of_a_text_are_known_before_it_is_made() -> None:
    assert list_names("__a__ {__b-c__|__d_e__} __ f__") == {"a", "b-c", "d_e"}


@given(st.text(max_size=60) | GRAMMAR)
def test_any_text_can_be_written_so_that_it_offers_no_choice(text: str) -> None:
    assert expand(literal(text), NONE, "1") == (text, [])


@given(PLAIN, GRAMMAR, PLAIN)
def test_a_quoted_part_is_kept_whatever_stands_around_it(
    before: str, text: str, after: str
) -> None:
    made = expand(f"{before}{literal(text)}{after}", WordLists({"a": ["x"], "b": ["y"]}), "1")
    assert made == (f"{before}{text}{after}", [])


@given(GRAMMAR, st.integers())
def test_a_text_is_either_refused_or_made_and_then_the_same_again(text: str, seed: int) -> None:
    lists = WordLists({"a": ["b", "{a|b}"], "b": ["__a__"]})
    try:
        check(text)
        made = expand(text, lists, str(seed))
    except InvalidPrompt as refusal:
        assert refusal.details is not None
    else:
        assert made == expand(text, lists, str(seed))
        assert len(made[0]) <= MAX_TEXT
