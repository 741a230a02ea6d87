"""How often somebody may ask."""

from __future__ import annotations

import pytest

from studio.clock import FrozenClock
from studio.models import ALL_SCOPES, OWNER_ID, Identity, Role
from studio.quota_errors import Hurried
from studio.services.rates import MAX_BUCKETS, Rate, RequestLimits

MEMBER = Identity("ann", Role.MEMBER, frozenset(), session_id="s1")
KEY = Identity("ann", Role.MEMBER, frozenset(), key_id="k1")
OWNER = Identity(OWNER_ID, Role.OWNER, ALL_SCOPES, key_id="k0")


def limits(clock: FrozenClock, *, key: int = 3, user: int = 5, address: int = 2) -> RequestLimits:
    return RequestLimits(
        clock, per_key=Rate(key), per_user=Rate(user), per_address=Rate(address, 60.0)
    )


def passed(rates: RequestLimits, identity: Identity | None, address: str = "192.0.2.1") -> int:
    """How many requests come through until one is refused."""
    for count in range(1000):
        try:
            rates.meet(identity, address)
        except Hurried:
            return count
    return 1000


def test_a_burst_passes_and_then_comes_back_evenly() -> None:
    clock = FrozenClock()
    rates = limits(clock)
    assert passed(rates, None) == 2
    clock.advance(29)
    assert passed(rates, None) == 0
    clock.advance(1)
    assert passed(rates, None) == 1
    clock.advance(3600)
    assert passed(rates, None) == 2


def test_the_seconds_that_are_said_are_enough_and_one_less_is_not() -> None:
    clock = FrozenClock()
    rates = limits(clock)
    passed(rates, None)
    with pytest.raises(Hurried) as refused:
        rates.meet(None, "192.0.2.1")
    assert refused.value.details == {"limited": "address", "limit": 2, "period_s": 60.0}
    assert refused.value.retry_after_s == 30
    clock.advance(29)
    with pytest.raises(Hurried):
        rates.meet(None, "192.0.2.1")
    clock.advance(1)
    rates.meet(None, "192.0.2.1")


def test_a_key_has_less_than_its_user_and_all_keys_count_for_the_user() -> None:
    rates = limits(FrozenClock())
    assert passed(rates, KEY) == 3
    other = Identity("ann", Role.MEMBER, frozenset(), key_id="k2")
    assert passed(rates, other) == 2
    assert passed(rates, MEMBER) == 0
    assert passed(rates, Identity("bob", Role.MEMBER, frozenset(), session_id="s2")) == 5


def test_what_one_bucket_refuses_is_taken_from_no_other() -> None:
    clock = FrozenClock()
    rates = limits(clock, key=2, user=60)
    assert passed(rates, MEMBER) == 60
    for _ in range(3):
        with pytest.raises(Hurried) as refused:
            rates.meet(KEY, "192.0.2.1")
        assert (refused.value.details or {})["limited"] == "user"
    clock.advance(2)
    assert passed(rates, KEY) == 2


def test_the_owner_is_not_counted_but_a_key_with_a_rate_of_its_own_is() -> None:
    rates = limits(FrozenClock())
    assert passed(rates, OWNER) == 1000
    slow = Identity(OWNER_ID, Role.OWNER, ALL_SCOPES, key_id="k9", requests_per_minute=4)
    assert passed(rates, slow) == 4
    quick = Identity("ann", Role.MEMBER, frozenset(), key_id="k8", requests_per_minute=100)
    assert passed(rates, quick) == 5, "the user's own limit holds all the same"


def test_addresses_of_one_household_share_and_others_do_not() -> None:
    rates = limits(FrozenClock())
    assert passed(rates, None, "2001:db8::1") == 2
    assert passed(rates, None, "2001:db8::ffff") == 0
    assert passed(rates, None, "2001:db8:0:1::1") == 2


def test_a_signed_link_counts_for_the_address_not_for_whom_it_names() -> None:
    rates = limits(FrozenClock())
    linked = Identity("ann", Role.MEMBER, frozenset())
    assert passed(rates, linked) == 2
    assert passed(rates, MEMBER) == 5


def test_what_is_lent_out_has_a_rate_by_its_name() -> None:
    clock = FrozenClock()
    rates = limits(clock)
    for _ in range(10):
        rates.take("share", "a", Rate(10, 3600))
    with pytest.raises(Hurried) as refused:
        rates.take("share", "a", Rate(10, 3600))
    assert refused.value.retry_after_s == 360
    rates.take("share", "b", Rate(10, 3600))
    clock.advance(360)
    rates.take("share", "a", Rate(10, 3600))


def test_a_flood_of_addresses_costs_bounded_memory_and_forgets_nobody_who_waits() -> None:
    clock = FrozenClock()
    rates = limits(clock)
    for number in range(MAX_BUCKETS):
        rates.meet(None, f"198.18.{number >> 8}.{number & 255}")
    clock.advance(120)
    assert passed(rates, None, "192.0.2.7") == 2
    assert passed(rates, None, "192.0.2.7") == 0
    rates.meet(None, "192.0.2.8")
    assert len(rates._buckets) <= MAX_BUCKETS


def test_among_too_many_those_go_that_were_not_used_longest() -> None:
    clock = FrozenClock()
    rates = limits(clock, address=100)
    for _ in range(99):
        rates.meet(None, "192.0.2.7")
    for number in range(MAX_BUCKETS):
        if number % 1000 == 0:
            passed(rates, None, "192.0.2.7")
        rates.take("address", f"flood {number}", Rate(100))
    assert passed(rates, None, "192.0.2.7") == 0
