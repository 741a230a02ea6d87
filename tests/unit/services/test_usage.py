"""GPU seconds that fade."""

from __future__ import annotations

import pytest

from studio.clock import FrozenClock
from studio.services.usage import HALF_LIFE_S, Usage


def test_seconds_fade_by_half_in_an_hour() -> None:
    clock = FrozenClock()
    usage = Usage(clock)
    usage.add("ann", 80.0)
    clock.advance(HALF_LIFE_S)
    assert usage.of("ann") == pytest.approx(40.0)
    usage.add("ann", 10.0)
    assert usage.of("ann") == pytest.approx(50.0)


def test_nobody_gains_from_a_clock_that_jumps_back() -> None:
    clock = FrozenClock()
    usage = Usage(clock)
    usage.add("ann", 80.0)
    clock.jump_wall(-3600)
    assert usage.of("ann") == pytest.approx(80.0)
    usage.add("ann", -5.0)
    assert usage.of("ann") == pytest.approx(80.0)


def test_what_the_database_remembers_counts_on() -> None:
    clock = FrozenClock()
    usage = Usage(clock)
    usage.load("ann", 20.0, clock.now_ms())
    usage.add("bob", 10.0)
    assert usage.least_first(["ann", "bob", "cid"]) == ["cid", "bob", "ann"]
