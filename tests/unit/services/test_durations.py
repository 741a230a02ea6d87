"""Medians of the last twenty runs."""

from __future__ import annotations

from studio.services.durations import KEPT, Durations


def test_a_graph_without_runs_is_unknown() -> None:
    assert Durations().median("never") is None


def test_the_median_is_that_of_the_last_twenty_runs_of_that_key() -> None:
    durations = Durations()
    durations.load([("a", 1_000_000)] * 5 + [("b", 7)])
    for _ in range(KEPT):
        durations.add("a", 100)
    assert durations.median("a") == 100
    assert durations.median("b") == 7


def test_a_new_run_changes_a_median_that_was_asked_for() -> None:
    durations = Durations()
    durations.add("a", 100)
    assert durations.median("a") == 100
    durations.add("a", 300)
    assert durations.median("a") == 200
