"""How often a password may be tried, with a clock that the tests move."""

from __future__ import annotations

import contextlib

import pytest

from studio.clock import FrozenClock
from studio.errors import TooManyLogins, WrongCredentials
from studio.services.throttle import LoginThrottle


def waits(throttle: LoginThrottle, address: str, proof: str | None = None) -> int:
    """Seconds that a bad attempt has to wait; 0 when it was let through, to fail."""
    try:
        with throttle.attempt(address, proof):
            raise WrongCredentials("wrong")
    except TooManyLogins as refusal:
        assert refusal.retry_after_s is not None
        return refusal.retry_after_s
    except WrongCredentials:
        return 0


def test_the_third_attempt_within_a_minute_waits_as_long_as_it_is_told() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)
    assert [waits(throttle, "192.0.2.1") for _ in range(4)] == [0, 0, 30, 30]
    clock.advance(29.9)
    assert waits(throttle, "192.0.2.1") == 1
    clock.advance(0.1)
    assert [waits(throttle, "192.0.2.1") for _ in range(2)] == [0, 30]


def test_a_patient_client_has_twelve_attempts_in_an_hour() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)
    let_in = []
    for _ in range(120):
        let_in.append(waits(throttle, "192.0.2.1") == 0)
        clock.advance(60)
    # Twelve in stock, and one every five minutes in which they fade.
    assert let_in[:12] == [True] * 12
    assert sum(let_in[60:]) == 12


def test_one_client_does_not_use_up_the_attempts_of_another() -> None:
    throttle = LoginThrottle(FrozenClock())
    assert [waits(throttle, "192.0.2.1") for _ in range(20)][2:] == [30] * 18
    assert waits(throttle, "192.0.2.2") == 0


def test_all_clients_together_have_thirty_attempts_a_minute() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)
    let_in = [waits(throttle, f"192.0.2.{number}") == 0 for number in range(60)]
    assert let_in == [True] * 30 + [False] * 30
    clock.advance(2)
    assert [waits(throttle, f"198.51.100.{number}") == 0 for number in range(3)] == [
        True,
        False,
        False,
    ]


def test_an_attempt_that_was_good_does_not_count() -> None:
    throttle = LoginThrottle(FrozenClock())
    for _ in range(100):
        throttle.enter("192.0.2.1")
        throttle.forgive("192.0.2.1")
    assert [waits(throttle, "192.0.2.1") for _ in range(3)] == [0, 0, 30]


def test_everybodys_attempts_count_once_they_have_failed() -> None:
    throttle = LoginThrottle(FrozenClock())
    with contextlib.ExitStack() as under_way:
        for number in range(100):
            under_way.enter_context(throttle.attempt(f"192.0.2.{number}"))
    assert [waits(throttle, f"198.51.100.{number}") == 0 for number in range(31)] == [
        *[True] * 30,
        False,
    ]


def test_a_burst_that_failed_is_paid_off_before_anybody_else_may_try() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)

    def fail(number: int) -> None:
        with contextlib.suppress(WrongCredentials), throttle.attempt(f"192.0.2.{number}"):
            if number:
                fail(number - 1)
            raise WrongCredentials("wrong")

    fail(59)
    # Sixty at once were let in: two minutes' worth.
    assert waits(throttle, "198.51.100.1") == 62
    clock.advance(62)
    assert waits(throttle, "198.51.100.1") == 0


def test_an_attempt_counts_when_it_fails_and_not_when_it_never_got_its_turn() -> None:
    throttle = LoginThrottle(FrozenClock())
    for refusal, times in ((TooManyLogins("full"), 5), (WrongCredentials("wrong"), 2)):
        for _ in range(times):
            with pytest.raises(type(refusal), match=refusal.message), throttle.attempt("192.0.2.1"):
                raise refusal
    assert waits(throttle, "192.0.2.1") == 30


def test_who_shows_a_proof_has_attempts_of_their_own_and_no_more() -> None:
    throttle = LoginThrottle(FrozenClock())
    for number in range(30):
        assert waits(throttle, f"192.0.2.{number}") == 0
    assert waits(throttle, "198.51.100.1") > 0
    assert [waits(throttle, "192.0.2.1", "link a") for _ in range(3)] == [0, 0, 30]
    assert waits(throttle, "198.51.100.1", "link a") == 30
    assert waits(throttle, "192.0.2.1", "link b") == 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("console", "console", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_addresses_of_one_household_are_one_client(first: str, second: str, same: bool) -> None:
    throttle = LoginThrottle(FrozenClock())
    throttle.enter(first)
    throttle.enter(first)
    assert (waits(throttle, second) > 0) is same


def test_a_wall_clock_that_jumps_gives_nobody_more_attempts() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)
    throttle.enter("192.0.2.1")
    throttle.enter("192.0.2.1")
    clock.jump_wall(86_400)
    assert waits(throttle, "192.0.2.1") == 30


def test_clients_that_went_are_forgotten_and_those_that_wait_are_not() -> None:
    clock = FrozenClock()
    throttle = LoginThrottle(clock)
    for number in range(5000):
        clock.advance(2)
        throttle.enter(f"10.0.{number // 250}.{number % 250}")
    assert len(throttle._clients) < 4200
    throttle.enter("10.0.19.249")
    assert waits(throttle, "10.0.19.249") > 0
