"""Grids: which cells a request makes, and which requests make none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InvalidBatch
from studio.graphs.grids import MAX_CELLS, MAX_COUNT, at_cell, coordinates, label, read_axes

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["input", "values", "labels", "x"]), inner, max_size=3),
    ),
    max_leaves=10,
)


def cells(lists: Any = None, axes: Any = None, count: Any = None, **values: Any) -> list[Any]:
    made = read_axes(lists, axes, count)
    sizes = [len(axis.labels) for axis in made]
    return [at_cell(made, cell, values, {"kept": "yes"})[0] for cell in coordinates(sizes)]


def test_nothing_that_varies_makes_one_cell() -> None:
    assert cells(prompt="a fox", count=1) == [{"prompt": "a fox"}]


def test_axes_cross_and_the_last_one_is_the_quickest() -> None:
    made = cells(
        axes=[{"input": "cfg", "values": [5, 7]}, {"input": "steps", "values": [10, 20, 30]}],
        prompt="a fox",
    )
    assert [(cell["cfg"], cell["steps"]) for cell in made] == [
        (5, 10), (5, 20), (5, 30), (7, 10), (7, 20), (7, 30),
    ]  # fmt: skip
    assert {cell["prompt"] for cell in made} == {"a fox"}


def test_lists_are_taken_side_by_side_before_the_axes_and_the_count_is_last() -> None:
    lists = [
        {"input": "prompt", "values": ["a fox", "an owl"]},
        {"input": "image", "values": [{"asset": "1"}, {"asset": "2"}]},
    ]
    axes = read_axes(lists, [{"input": "cfg", "values": [5, 7.5], "labels": ["low", "high"]}], 3)
    assert [axis.name for axis in axes] == ["prompt, image", "cfg", "#"]
    assert [axis.labels for axis in axes] == [("a fox", "an owl"), ("low", "high"), ("1", "2", "3")]
    made = cells(lists, [{"input": "cfg", "values": [5, 7]}], 3)
    assert len(made) == 12
    assert made[0] == {"prompt": "a fox", "image": {"asset": "1"}, "cfg": 5}
    assert made[-1] == {"prompt": "an owl", "image": {"asset": "2"}, "cfg": 7}


def test_an_axis_can_vary_a_part_of_a_value_and_the_answer_to_a_question() -> None:
    axes = read_axes(
        None,
        [
            {"input": "loras[1].strength", "values": [0.5, 1]},
            {"input": "resolution.width", "values": [512]},
            {"input": "[[Which animal?]]", "values": ["fox", "owl"]},
        ],
        None,
    )
    values: dict[str, Any] = {
        "loras": [{"file": "a"}, {"file": "b", "strength": 0}],
        "resolution": {},
    }
    made, answers = at_cell(axes, (1, 0, 1), values, {"kept": "yes"})
    assert made == {
        "loras": [{"file": "a"}, {"file": "b", "strength": 1}],
        "resolution": {"width": 512},
    }
    assert answers == {"kept": "yes", "Which animal?": "owl"}
    assert values["loras"][1] == {"file": "b", "strength": 0}, "the values of other cells"


@pytest.mark.parametrize(
    "place", ["loras[2].strength", "loras.x", "prompt.x", "none.x", "loras[9]"]
)
def test_a_place_that_leads_to_nothing_is_named(place: str) -> None:
    with pytest.raises(InvalidBatch, match="leads to nothing") as caught:
        cells(axes=[{"input": place, "values": [1]}], loras=[{}, {}], prompt="a fox")
    assert caught.value.details == {"where": place}


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"axes": "cfg"}, "axes"),
        ({"axes": [5]}, "axes[0]"),
        ({"axes": [{"input": "cfg", "values": [1], "more": 1}]}, "axes[0]"),
        ({"axes": [{"input": "cfg"}]}, "axes[0].values"),
        ({"axes": [{"input": "cfg", "values": []}]}, "axes[0].values"),
        ({"axes": [{"values": [1]}]}, "axes[0].input"),
        ({"axes": [{"input": "", "values": [1]}]}, "axes[0].input"),
        ({"axes": [{"input": "a[x]", "values": [1]}]}, "axes[0].input"),
        ({"axes": [{"input": "a" + ".b" * 40, "values": [1]}]}, "axes[0].input"),
        ({"axes": [{"input": "cfg", "values": [1, 2], "labels": ["one"]}]}, "axes[0].labels"),
        ({"axes": [{"input": "cfg", "values": [1], "labels": [1]}]}, "axes[0].labels"),
        ({"axes": [{"input": "cfg", "values": [1], "labels": ["x" * 81]}]}, "axes[0].labels"),
        ({"axes": [{"input": "cfg", "values": [1]}] * 2}, "axes"),
        ({"axes": [{"input": str(n), "values": [1]} for n in range(9)]}, "axes"),
        ({"lists": [{"input": "cfg", "values": [1]}], "axes": [{"input": "cfg", "values": [1]}]},
         "axes"),
        ({"lists": [{"input": "a", "values": [1]}, {"input": "b", "values": [1, 2]}]}, "lists"),
        ({"count": 0}, "count"),
        ({"count": MAX_COUNT + 1}, "count"),
        ({"count": True}, "count"),
        ({"count": "4"}, "count"),
        ({"axes": [{"input": "a", "values": list(range(11))}], "count": 100}, "axes"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_request_that_makes_no_grid_is_refused_with_its_place(
    request_: dict[str, Any], where: str
) -> None:
    with pytest.raises(InvalidBatch) as caught:
        read_axes(request_.get("lists"), request_.get("axes"), request_.get("count"))
    assert caught.value.details == {"where": where}
    assert caught.value.message.startswith(where)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a  fox\nruns", "a fox runs"),
        (7, "7"),
        (7.5, "7.5"),
        (True, "true"),
        ({"width": 512, "height": 768}, "512×768"),
        ({"asset": "an id"}, "3"),
        ([{"file": "styles/oil.safetensors", "strength": 1}, {"file": "b.pt"}], "oil, b"),
        ("x" * 200, "x" * 79 + "…"),
    ],
)
def test_a_value_without_a_label_is_called_by_what_it_is(value: object, shown: str) -> None:
    assert label(value, 2) == shown


@given(JSON, JSON, JSON)
def test_any_request_makes_a_bounded_grid_or_is_refused(
    lists: object, axes: object, count: object
) -> None:
    try:
        made = read_axes(lists, axes, count)
    except InvalidBatch as refusal:
        assert refusal.details is not None
    else:
        sizes = [len(axis.labels) for axis in made]
        assert 1 <= len(list(coordinates(sizes))) <= MAX_CELLS
