"""When bootstrap starts Studio again."""

from __future__ import annotations

from boot.backoff import Backoff


def test_the_first_end_costs_no_wait_and_further_ones_double_up_to_the_maximum() -> None:
    backoff = Backoff(reset_s=60, max_s=60)
    waits = [backoff.delay_s(0.1) for _ in range(40)]
    assert waits[:8] == [0, 1, 2, 4, 8, 16, 32, 60]
    assert set(waits[8:]) == {60}


def test_a_long_life_or_a_deliberate_end_starts_over() -> None:
    backoff = Backoff(reset_s=60, max_s=60)
    assert [backoff.delay_s(1), backoff.delay_s(1), backoff.delay_s(60)] == [0, 1, 0]
    backoff.reset()
    assert backoff.delay_s(1) == 0
