"""When to start a child again that ended by itself."""

from __future__ import annotations


class Backoff:
    """0 s after the first end, then 1, 2, 4 … ``max_s``; a life of ``reset_s`` starts over."""

    def __init__(self, *, reset_s: float, max_s: float) -> None:
        self._reset_s = reset_s
        self._max_s = max_s
        self._ends = 0

    def delay_s(self, lifetime_s: float) -> float:
        """Seconds to wait after a child that lived for ``lifetime_s``."""
        if lifetime_s >= self._reset_s:
            self._ends = 0
        delay_s = 0.0 if self._ends == 0 else min(self._max_s, 2.0 ** (self._ends - 1))
        # The count is capped: 2 ** 16 is far beyond any maximum, and floats overflow later.
        self._ends = min(self._ends + 1, 16)
        return delay_s

    def reset(self) -> None:
        """Somebody asked for the last end, so it tells nothing about the child's health."""
        self._ends = 0
