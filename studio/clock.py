"""Time and identity, the one seam that tests freeze.

Wall time is for people and for rows; every timer runs on monotonic time, so a clock that jumps
neither revives nor repeats anything.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """The system's clocks.

    ``now_ms`` is wall time in milliseconds since the epoch (UTC), what rows store.
    ``monotonic_s`` is seconds from an arbitrary start that never goes back, what timers use.
    """

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    monotonic_s = staticmethod(time.monotonic)


class FrozenClock(Clock):
    """A clock that moves only when told to, for tests.

    Args:
        now_ms: the wall time it starts at, milliseconds since the epoch.
    """

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 1000.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now_ms += int(seconds * 1000)
        self._monotonic_s += seconds

    def jump_wall(self, seconds: float) -> None:
        """Move only the wall clock, as an NTP step or a wrong host clock does."""
        self._now_ms += int(seconds * 1000)


class _Randomness:
    """Random bytes in stock: one call to the system is as dear as everything else an id costs."""

    def __init__(self) -> None:
        self._stock = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        if self._used + count > len(self._stock):
            self._stock, self._used = os.urandom(4096), 0
        self._used += count
        return self._stock[self._used - count : self._used]


_randomness = _Randomness()


def new_id() -> str:
    """A random UUID in canonical lower-case form."""
    digits = _randomness.take(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def iso(ms: int) -> str:
    """UTC ISO 8601 with offset for milliseconds since the epoch."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}+00:00"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso_or_none(ms: int | None) -> str | None:
    """``iso`` that passes ``None`` through."""
    return None if ms is None else iso(ms)
