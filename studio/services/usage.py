"""Who used the GPUs lately: seconds that fade with a half-life of one hour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from studio.clock import Clock

HALF_LIFE_S: Final = 3600.0


class Usage:
    """Decayed GPU seconds by user."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds: dict[str, tuple[float, int]] = {}
        self._changed: dict[str, tuple[float, int]] = {}

    def load(self, user_id: str, seconds: float, at_ms: int) -> None:
        """Take over what the database remembers."""
        self._seconds[user_id] = (seconds, at_ms)

    def of(self, user_id: str) -> float:
        """Seconds used, faded to the present."""
        seconds, at_ms = self._seconds.get(user_id, (0.0, 0))
        if not seconds:
            return 0.0
        age_s = max(0.0, (self._clock.now_ms() - at_ms) / 1000)
        return float(seconds * 0.5 ** (age_s / HALF_LIFE_S))

    def add(self, user_id: str, seconds: float) -> None:
        """Count ``seconds`` more."""
        entry = (self.of(user_id) + max(0.0, seconds), self._clock.now_ms())
        self._seconds[user_id] = entry
        self._changed[user_id] = entry

    def least_first(self, users: Iterable[str]) -> list[str]:
        """Users ordered by what they used, the most modest first."""
        names = list(users)
        return names if len(names) == 1 else sorted(names, key=self.of)

    def take_changed(self) -> dict[str, tuple[float, int]]:
        """What is to be stored: (seconds, time in ms) by user, since the last call."""
        changed, self._changed = self._changed, {}
        return changed
