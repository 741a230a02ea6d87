"""Values against their inputs: each wrong one is refused by the name of its input."""

from __future__ import annotations

from typing import Any

import pytest

from studio.errors import InvalidValue
from studio.graphs.manifests.values import used_values
from tests.unit.graphs.manifests.examples import asked, manifest

STAGE = [{"block": "a"}]


def use(each: dict[str, Any], value: Any) -> Any:
    used = used_values(
        manifest(inputs=[each], pipeline=STAGE), {each["id"]: value}, lambda _, most: most
    )
    return used[each["id"]]


@pytest.mark.parametrize(
    ("each", "value", "expected"),
    [
        (asked("a", "text"), "x", "x"),
        (asked("a", "text", default="y"), None, "y"),
        (asked("a", "text"), None, None),
        (asked("a", "int"), 5.0, 5),
        (asked("a", "float", min=0, max=1), 1, 1.0),
        (asked("a", "boolean"), False, False),
        (asked("a", "seed"), 7, 7),
        (asked("a", "seed"), -1, 2**53 - 1),
        (asked("a", "seed", max=10), None, 10),
        (asked("a", "select", options=[{"value": 1}, {"value": "b"}]), "b", "b"),
        (asked("a", "select"), "whatever the engine has", "whatever the engine has"),
        (asked("a", "image"), {"asset": "x"}, {"asset": "x"}),
        (asked("a", "image", multiple=True), [{"asset": "x"}], [{"asset": "x"}]),
        (
            asked("a", "loras"),
            [{"file": "x", "strength": 0.5, "high": 0.2}],
            [{"strength": 0.5, "high": {"strength": 0.2}, "file": "x"}],
        ),
        (
            asked("a", "loras"),
            [{"high": {"file": "h"}, "low": {"file": "l", "strength": 2}}],
            [
                {
                    "strength": 1.0,
                    "high": {"strength": 1.0, "file": "h"},
                    "low": {"strength": 2.0, "file": "l"},
                }
            ],
        ),
        (
            asked("a", "scenes"),
            [{"prompt": "x", "duration": 2, "seed": 3}],
            [{"prompt": "x", "duration": 2, "seed": 3}],
        ),
    ],
)
def test_a_value_that_fits_is_used(each: dict[str, Any], value: Any, expected: Any) -> None:
    assert use(each, value) == expected


@pytest.mark.parametrize(
    ("each", "value"),
    [
        (asked("a", "text", required=True), "  "),
        (asked("a", "text", required=True), None),
        (asked("a", "text"), 5),
        (asked("a", "text"), "x" * 100_001),
        (asked("a", "int"), "5"),
        (asked("a", "int"), True),
        (asked("a", "int"), 1.5),
        (asked("a", "int"), 1e300),
        (asked("a", "int"), float(2**64)),
        (asked("a", "int"), -1e19),
        (asked("a", "int", min=1), 0),
        (asked("a", "int", max=1), 2),
        (asked("a", "float"), float("nan")),
        (asked("a", "boolean"), 1),
        (asked("a", "seed"), -2),
        (asked("a", "seed"), 2**53),
        (asked("a", "seed"), 1.5),
        (asked("a", "select", options=[{"value": 1}]), True),
        (asked("a", "select", options=[{"value": 1}]), 2),
        (asked("a", "checkpoint"), ["x"]),
        (asked("a", "image"), "x.png"),
        (asked("a", "image"), {"asset": 5}),
        (asked("a", "image"), {"asset": "x", "name": "y"}),
        (asked("a", "image"), [{"asset": "x"}]),
        (asked("a", "image", multiple=True), {"asset": "x"}),
        (asked("a", "image", multiple=True), [{"asset": "x"}] * 101),
        (asked("a", "image", multiple=True, min=2), [{"asset": "x"}]),
        (asked("a", "loras"), {"file": "x"}),
        (asked("a", "loras"), [{"strength": 1}]),
        (asked("a", "loras"), [{"file": "x", "strength": 101}]),
        (asked("a", "loras"), [{"file": "x", "strength": "1"}]),
        (asked("a", "loras"), [{"file": "x", "colour": 1}]),
        (asked("a", "loras"), [{"high": {"file": "x"}}]),
        (asked("a", "loras"), [{"file": "x"}] * 33),
        (asked("a", "scenes"), [{"prompt": "x"}]),
        (asked("a", "scenes"), [{"prompt": "x", "duration": 0}]),
        (asked("a", "scenes"), [{"prompt": "x", "duration": True}]),
        (asked("a", "scenes"), [{"prompt": "x", "duration": 1, "seed": "1"}]),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_input(
    each: dict[str, Any], value: Any
) -> None:
    with pytest.raises(InvalidValue) as caught:
        use(each, value)
    assert caught.value.details is not None
    assert caught.value.details["input"] == "a"
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "value",
    [{"width": 64}, {"width": 64, "height": 4000}, {"width": 64.5, "height": 64}, 64,
     {"width": 64, "height": 64, "depth": 1}, {"width": True, "height": 64}],
)  # fmt: skip
def test_a_resolution_has_two_sides_within_bounds(value: Any) -> None:
    sides = [{"node": "1", "input": "width"}, {"node": "1", "input": "height"}]
    each = asked("a", "resolution", min=64, max=2048, targets=sides)
    assert use(each, {"width": 64, "height": 2048}) == {"width": 64, "height": 2048}
    with pytest.raises(InvalidValue):
        use(each, value)


def test_a_value_for_no_input_is_refused() -> None:
    with pytest.raises(InvalidValue, match="“b” is no input"):
        used_values(manifest(inputs=[asked("a", "text")]), {"b": 1}, lambda least, _: least)
