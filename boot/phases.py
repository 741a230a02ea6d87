"""How long each part of a start takes. All times are of the machine's monotonic clock, which
processes share and nobody sets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from boot.linux import start_time


def process_began_at() -> float:
    """When this process began, also under the name of a program that replaced itself by it."""
    now = time.monotonic()
    ticks = start_time(os.getpid())
    if ticks is None:
        return now
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return now - max(0.0, age_s)


class Phases:
    """Names for the stretches between ``began_at`` and each ``end``.

    Args:
        times: those that another process measured, from ``began_at`` on.
    """

    def __init__(self, began_at: float, times: Iterable[tuple[str, float]] = ()) -> None:
        self.began_at = began_at
        self.times = list(times)
        self._last = began_at + sum(seconds for _, seconds in self.times)

    @property
    def total_s(self) -> float:
        """From the beginning to the last end."""
        return round(self._last - self.began_at, 3)

    def end(self, name: str, at: float | None = None) -> None:
        """The stretch since the last one is called ``name`` and ends now, or ended ``at``."""
        now = time.monotonic() if at is None else at
        self.times.append((name, round(now - self._last, 4)))
        self._last = now

    def text(self) -> str:
        """For a log."""
        parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.times)
        return f"{self.total_s:.2f} s since the start ({parts})"
