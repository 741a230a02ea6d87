"""How fast one client may go on."""

from __future__ import annotations

from collections import deque


class Pace:
    """At most so many turns in so many seconds; whoever wants more of them waits."""

    def __init__(self, turns: int, *, every_s: float) -> None:
        self._every_s = every_s
        self._latest: deque[float] = deque(maxlen=turns)

    def turn(self, now_s: float) -> float:
        """Take a turn; the seconds to wait for it."""
        at_s = now_s
        if len(self._latest) == self._latest.maxlen:
            at_s = max(now_s, self._latest[0] + self._every_s)
        self._latest.append(at_s)
        return at_s - now_s
