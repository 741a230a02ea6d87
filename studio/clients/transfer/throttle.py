"""How fast all transfers together may be; it can change at any moment."""

from __future__ import annotations

import threading
import time
from typing import Final

_BURST_S: Final = 0.25


class Throttle:
    """A bucket that fills at ``bytes_per_second``; ``None`` is no limit. For use from threads."""

    def __init__(self, bytes_per_second: int | None = None) -> None:
        self._lock = threading.Lock()
        self._rate = bytes_per_second
        self._level = 0.0
        self._at = time.monotonic()

    @property
    def rate(self) -> int | None:
        return self._rate

    def set(self, bytes_per_second: int | None) -> None:
        """Change the limit; it counts from now on."""
        with self._lock:
            self._rate = bytes_per_second
            self._level, self._at = 0.0, time.monotonic()

    def portion(self, most: int) -> int:
        """How much to read at once: so little that nobody has to wait long after it."""
        rate = self._rate
        return most if rate is None else max(1, min(most, int(rate * _BURST_S)))

    def wait_after(self, count: int) -> float:
        """Seconds to pause after ``count`` bytes came."""
        with self._lock:
            if self._rate is None:
                return 0.0
            now = time.monotonic()
            burst = self._rate * _BURST_S
            self._level = min(burst, self._level + (now - self._at) * self._rate) - count
            self._at = now
            return max(0.0, -self._level / self._rate)
