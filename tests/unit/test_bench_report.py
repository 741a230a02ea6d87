"""The arithmetic of the benchmarks: figures, budgets, table."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from benchmarks.jobs import Phase, empty, figures
from benchmarks.report import (
    Budget,
    Figure,
    Part,
    document,
    median,
    percentile,
    shown,
    table,
    verdict,
)


def phase(job_ms: float, jobs: float = 100.0, submits: float = 200.0, cpu_ms: float = 1.0) -> Phase:
    return Phase(job_ms, jobs, submits, cpu_ms, engine_cpu_ms=4.0)


def test_the_median_lies_between_the_two_middle_values() -> None:
    assert median([4.0, 1.0, 3.0, 100.0]) == 3.5


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (95, 10), (90, 9), (100, 10), (0, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([7, 1, 10, 2, 9, 3, 8, 4, 6, 5], percent) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([3.5], 95) == 3.5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.6, "12,346"),
        (2.0, "2"),
        (42.123, "42.1"),
        (1.234, "1.23"),
        (0.0123, "0.012"),
        (-2.5, "-2.50"),
        (-1234, "-1,234"),
    ],
)
def test_a_number_shows_the_digits_that_count(value: float, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("budget", "value", "met"),
    [
        (Budget("at_most", 1.2), 1.2, True),
        (Budget("at_most", 1.2), 1.21, False),
        (Budget("at_least", 0.95), 0.95, True),
        (Budget("at_least", 0.95), 0.949, False),
        (Budget("at_most", 0), 1, False),
    ],
)
def test_a_budget_is_met_up_to_its_limit(budget: Budget, value: float, met: bool) -> None:
    assert Figure("x", value, budget=budget).met is met


def test_being_as_slow_as_the_rival_is_not_being_below_it() -> None:
    below = Budget("below_rival")
    assert Figure("x", 2.9, 3.0, "rival", below).met is True
    assert Figure("x", 3.0, 3.0, "rival", below).met is False


def test_nothing_is_judged_without_a_budget_or_without_the_rival_it_needs() -> None:
    assert Figure("x", 1.0, 2.0, "rival").met is None
    assert Figure("x", 1.0, budget=Budget("below_rival")).met is None


def test_a_ratio_needs_a_rival_that_is_not_zero() -> None:
    assert Figure("x", 3.0, 2.0).ratio == 1.5
    assert Figure("x", 3.0, 0.0).ratio is None
    assert Figure("x", 3.0).ratio is None


def test_differences_and_ratios_are_taken_within_a_round() -> None:
    # The machine slows down threefold in the second round; what Studio adds stays what it was.
    rounds = [
        [phase(5.0, jobs=200.0), phase(7.0, jobs=190.0)],
        [phase(15.0, jobs=100.0), phase(17.0, jobs=95.0)],
    ]
    latency, jobs, *_ = figures(rounds, [0, 0])
    assert latency.value == pytest.approx(2.0)
    assert jobs.value == pytest.approx(0.95)


def test_the_rival_is_compared_with_the_engine_of_the_same_round_too() -> None:
    rounds = [[phase(5.0), phase(6.0, cpu_ms=0.5), phase(9.0, submits=100.0, cpu_ms=2.0)]]
    latency, _, submits, cpu, _, wrong = figures(rounds, [0, 0, 7])
    assert (latency.value, latency.rival, latency.met) == (1.0, 4.0, True)
    assert (submits.value, submits.rival) == (1.0, 0.5)
    assert (cpu.value, cpu.rival, cpu.met) == (0.5, 2.0, True)
    assert (wrong.value, wrong.rival, wrong.met) == (0, 7, True)


def test_without_the_rival_its_column_stays_empty_and_its_budget_unjudged() -> None:
    found = figures([[phase(5.0), phase(6.0)]], [0, 3])
    assert {figure.rival for figure in found} == {None}
    assert found[0].met is None
    assert found[-1].met is False


def test_every_row_of_the_table_has_all_columns_in_line() -> None:
    lines = table(
        [
            Figure("latency, ms", 1.5, 3.0, "rival", Budget("below_rival")),
            Figure("memory, MiB", 130.0, budget=Budget("at_most", 120)),
            Figure("a figure without any budget", 1234.0),
        ]
    ).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert {line.count("|") for line in lines} == {7}
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["figure", "Studio", "rival", "ratio", "budget", "met"]
    assert set("".join(cells[1])) == {"-"}
    assert cells[2] == ["latency, ms", "1.50", "3 (rival)", "0.50", "below the rival", "yes"]
    assert cells[3] == ["memory, MiB", "130", "", "", "≤ 120", "NO"]
    assert cells[4] == ["a figure without any budget", "1,234", "", "", "", "–"]


def test_the_verdict_names_what_was_missed() -> None:
    good = Figure("good", 1.0, budget=Budget("at_most", 2))
    bad = Figure("slow", 3.0, budget=Budget("at_most", 2))
    unjudged = Figure("plain", 3.0)
    assert verdict([good, bad, unjudged]) == "Budgets met: 1 of 2. MISSED: slow."
    assert verdict([good, unjudged]) == "Budgets met: 1 of 1."
    assert verdict([unjudged]) == "Budgets met: 0 of 0."


def test_the_json_document_has_figures_judgements_and_what_they_come_from() -> None:
    figure = Figure("memory", 130.0, 65.0, "rival", Budget("at_most", 120))
    part = Part("start", [figure], ["a remark"], {"starts_s": [1.0]})
    stored = json.loads(orjson.dumps(document({"cores": 2}, [part])))
    assert stored["machine"] == {"cores": 2}
    assert stored["parts"]["start"]["raw"] == {"starts_s": [1.0]}
    assert stored["parts"]["start"]["remarks"] == ["a remark"]
    (told,) = stored["parts"]["start"]["figures"]
    assert (told["value"], told["ratio"], told["met"]) == (130.0, 2.0, False)
    assert told["budget"] == {"kind": "at_most", "limit": 120}


def test_emptying_the_output_folder_leaves_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "studio" / "job").mkdir(parents=True)
    (tmp_path / "studio" / "job" / "a.png").write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"b")
    empty(tmp_path)
    assert list(tmp_path.iterdir()) == []
