"""When short writes may be waited for on the event loop: decided by what they took."""

from __future__ import annotations

import time

import pytest

from studio.store.disk_speed import QUICK_S, DiskSpeed


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def _rest_s(speed: DiskSpeed, clock: Clock) -> float:
    """How long it rests from now on; the clock is moved to its end."""
    started_s = clock.now_s
    while not speed.is_quick:
        clock.now_s += 1.0
    return clock.now_s - started_s


def _slow_down(speed: DiskSpeed) -> None:
    while speed.is_quick:
        speed.took(1.0)


def test_a_disk_of_which_nothing_is_known_is_quick(clock: Clock) -> None:
    assert DiskSpeed().is_quick


def test_writes_that_take_just_so_long_are_waited_for(clock: Clock) -> None:
    speed = DiskSpeed()
    for _ in range(1000):
        speed.took(QUICK_S)
    assert speed.is_quick


def test_one_write_that_is_a_little_slow_is_forgiven(clock: Clock) -> None:
    speed = DiskSpeed()
    speed.took(QUICK_S * 5)
    assert speed.is_quick
    for _ in range(100):
        speed.took(0.0)
    speed.took(QUICK_S * 5)
    assert speed.is_quick


def test_writes_that_are_a_little_slow_again_and_again_are_not(clock: Clock) -> None:
    speed = DiskSpeed()
    for _ in range(20):
        speed.took(QUICK_S * 2)
    assert not speed.is_quick


def test_one_write_that_stands_still_is_enough(clock: Clock) -> None:
    speed = DiskSpeed()
    speed.took(QUICK_S * 11)
    assert not speed.is_quick


def test_after_a_rest_it_is_tried_again_and_each_rest_is_longer(clock: Clock) -> None:
    speed = DiskSpeed()
    rests = []
    for _ in range(9):
        _slow_down(speed)
        rests.append(_rest_s(speed, clock))
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_what_was_before_the_rest_does_not_count_after_it(clock: Clock) -> None:
    speed = DiskSpeed()
    _slow_down(speed)
    _rest_s(speed, clock)
    speed.took(QUICK_S * 5)
    assert speed.is_quick


def test_a_disk_that_stays_quick_for_long_is_trusted_as_at_first(clock: Clock) -> None:
    speed = DiskSpeed()
    for _ in range(3):
        _slow_down(speed)
        _rest_s(speed, clock)
    clock.now_s += 39
    speed.took(0.0)
    _slow_down(speed)
    assert _rest_s(speed, clock) == 40
    clock.now_s += 81
    speed.took(0.0)
    _slow_down(speed)
    assert _rest_s(speed, clock) == 5


def test_what_a_write_took_is_measured_even_when_it_fails(clock: Clock) -> None:
    speed = DiskSpeed()
    with pytest.raises(OSError, match="broken"), speed.measure():
        clock.now_s += 1.0
        raise OSError("broken")
    assert not speed.is_quick
