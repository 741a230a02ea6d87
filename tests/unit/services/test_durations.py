"""Medians of the last twenty runs."""

from __future__ import annotations

from typing import Any

from studio.models import Job
from studio.services.durations import KEPT, Durations
from studio.store.job_stats import REPEAT, SIZES, Ran
from tests.fakes.jobs import a_job


def test_a_graph_without_runs_is_unknown() -> None:
    assert Durations().median("never") is None


def test_the_median_is_that_of_the_last_twenty_runs_of_that_key() -> None:
    durations = Durations()
    durations.load([Ran("a", 1_000_000)] * 5 + [Ran("b", 7)])
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


def job(key: str, affinity: str = "models", **sizes: int) -> Job:
    values: dict[str, Any] = {"graph_key": key, "affinity_key": affinity}
    return a_job(**values, extra={SIZES: sizes})


def test_what_ran_is_expected_to_take_as_long_as_three_in_four_of_its_runs_did() -> None:
    durations = Durations()
    for duration_ms in (1, 1, 400, 500):
        durations.note(job("a", steps=20), duration_ms)
    assert durations.expected_ms(job("a", steps=20)) == 400


def test_a_repeat_of_what_an_engine_had_kept_makes_nothing_look_short() -> None:
    durations = Durations()
    durations.note(job("a", steps=20), 1000)
    repeat = job("a", steps=20)
    for _ in range(KEPT):
        durations.note(repeat.changed(extra={**repeat.extra, REPEAT: True}), 10)
    assert durations.expected_ms(job("a", steps=20)) == 1000
    assert durations.expected_ms(job("b", steps=20)) == 1000


def test_what_never_ran_is_expected_to_take_as_long_as_its_like_by_steps_and_size() -> None:
    durations = Durations()
    assert durations.expected_ms(job("b", steps=40, width=1024)) is None
    durations.note(job("a", steps=20, width=512), 1000)
    assert durations.expected_ms(job("b", steps=40, width=1024)) == 4000
    assert durations.expected_ms(job("b", steps=10, width=512)) == 1000, "models are loaded anyway"
    assert durations.expected_ms(job("b", "others", steps=40, width=1024)) is None
    assert durations.expected_ms(job("b", steps=40)) is None


def test_what_loads_no_models_is_like_what_has_the_same_nodes() -> None:
    durations = Durations()
    plain = job("a", "", width=16)
    durations.load([Ran("a", 10, "", plain.classes, {"width": 16})])
    assert durations.expected_ms(job("b", "", width=32)) == 20
    assert durations.expected_ms(job("b", "", width=32).changed(classes=frozenset({"X"}))) is None
