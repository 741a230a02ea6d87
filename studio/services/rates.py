"""How many requests may come in a while: by key, by user, by address, and of whatever is lent out.

A bucket holds as many as one period allows and fills evenly, so a burst passes and a stream is held
to its rate. All of it is in memory: a restart forgives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from studio.clock import Clock
from studio.models import Identity, Role
from studio.quota_errors import Hurried
from studio.services.throttle import network_of

MINUTE_S: Final = 60.0
MAX_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds, and all of them at once if nobody came for as long."""

    count: int
    period_s: float = MINUTE_S


class RequestLimits:
    """Counts requests, and refuses those that are too many.

    Args:
        per_key: of each API key that was given no rate of its own.
        per_user: of each user, whatever they come by.
        per_address: of each address that shows neither key nor session.
    """

    def __init__(self, clock: Clock, *, per_key: Rate, per_user: Rate, per_address: Rate) -> None:
        self._clock = clock
        self._per_key = per_key
        self._per_user = per_user
        self._per_address = per_address
        # (what is left, as of which second of the monotonic clock)
        self._buckets: dict[tuple[str, str], tuple[float, float, Rate]] = {}

    def meet(self, identity: Identity | None, address: str) -> None:
        """Count one request of a caller's.

        The owner's are not counted, unless a key of theirs was given a rate.

        Raises:
            Hurried: it is one too many; it was not counted.
        """
        if identity is None or (identity.key_id is None and identity.session_id is None):
            self.take("address", network_of(address), self._per_address)
            return
        is_owner = identity.role is Role.OWNER
        wanted = []
        if identity.key_id is not None:
            if identity.requests_per_minute is not None:
                wanted.append(("key", identity.key_id, Rate(identity.requests_per_minute)))
            elif not is_owner:
                wanted.append(("key", identity.key_id, self._per_key))
        if not is_owner:
            wanted.append(("user", identity.user_id, self._per_user))
        if wanted:
            self._take(wanted)

    def take(self, kind: str, name: str, rate: Rate) -> None:
        """Count one of something that has a rate.

        Args:
            kind: what it is, one word for programs: ``share``.
            name: which one.

        Raises:
            Hurried: it is one too many; it was not counted.
        """
        self._take([(kind, name, rate)])

    def _take(self, wanted: Sequence[tuple[str, str, Rate]]) -> None:
        """Count one of each, or of none: a refused request costs nothing anywhere."""
        now_s = self._clock.monotonic_s()
        taken = []
        for kind, name, rate in wanted:
            left, at_s, former = self._buckets.get((kind, name)) or (float(rate.count), now_s, rate)
            if former != rate:
                left = min(left, rate.count)
            left = min(float(rate.count), left + (now_s - at_s) * rate.count / rate.period_s)
            # A hair of tolerance: the seconds that were asked for must be enough.
            if left < 1 - 1e-6:
                self._keep((kind, name), left, now_s, rate)
                seconds = math.ceil((1 - left) * rate.period_s / rate.count - 1e-6)
                raise Hurried(
                    f"Too many requests: {rate.count} in {rate.period_s:g} seconds are allowed. "
                    f"Try again in {seconds} seconds.",
                    details={"limited": kind, "limit": rate.count, "period_s": rate.period_s},
                    retry_after_s=seconds,
                )
            taken.append(((kind, name), left - 1, rate))
        for key, left, rate in taken:
            self._keep(key, left, now_s, rate)
        if len(self._buckets) > MAX_BUCKETS:
            self._forget_full(now_s)

    def _keep(self, key: tuple[str, str], left: float, now_s: float, rate: Rate) -> None:
        # At the end again: they stand in the order of their last use.
        self._buckets.pop(key, None)
        self._buckets[key] = left, now_s, rate

    def _forget_full(self, now_s: float) -> None:
        """Buckets that are full again say nothing; of too many others go those not used longest."""
        kept = {
            key: bucket
            for key, bucket in self._buckets.items()
            if bucket[0] + (now_s - bucket[1]) * bucket[2].count / bucket[2].period_s
            < bucket[2].count
        }
        half = list(kept.items())[-MAX_BUCKETS // 2 :]
        self._buckets = dict(half)
