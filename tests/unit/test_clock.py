"""Wall time for people, monotonic time for timers."""

from __future__ import annotations

import re
import uuid

from studio.clock import Clock, FrozenClock, iso, iso_or_none, new_id


def test_the_real_clocks_are_in_milliseconds_and_seconds() -> None:
    clock = Clock()
    first = clock.monotonic_s()
    assert clock.now_ms() > 1_700_000_000_000
    assert clock.monotonic_s() >= first


def test_time_that_passes_moves_both_clocks() -> None:
    clock = FrozenClock(now_ms=1_000_000)
    start_s = clock.monotonic_s()
    clock.advance(2.5)
    assert clock.now_ms() == 1_002_500
    assert clock.monotonic_s() - start_s == 2.5


def test_a_jump_of_the_wall_clock_moves_no_timer() -> None:
    clock = FrozenClock(now_ms=10_000_000)
    start_s = clock.monotonic_s()
    clock.jump_wall(-3600)
    clock.jump_wall(7200)
    assert clock.monotonic_s() == start_s
    assert clock.now_ms() == 13_600_000


def test_times_are_written_with_an_offset_and_milliseconds() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000+00:00"
    assert iso(1_800_000_000_123) == "2027-01-15T08:00:00.123+00:00"
    assert iso_or_none(None) is None
    assert iso_or_none(0) == iso(0)


def test_ids_are_canonical_and_differ() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(str(uuid.UUID(value)) == value for value in ids)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", value) for value in ids)
