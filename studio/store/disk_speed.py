"""Whether the disk is quick enough to be waited for where everybody waits."""

from __future__ import annotations

import time
from typing import Final

QUICK_S: Final = 0.01
"""What a short write may take on average while the event loop stands still for it."""
_WEIGHT: Final = 0.1
_REST_MIN_S: Final = 5.0
_REST_MAX_S: Final = 300.0


class DiskSpeed:
    """Decides between waiting for short writes and handing them to a thread.

    On a local disk a commit takes a fraction of a millisecond, less than it costs to wake a thread
    and to be woken by it. On a network volume, or while something large is being written, it takes
    so long that nothing else may wait: then threads do it for a while, for longer each time.
    """

    def __init__(self) -> None:
        self._mean_s = 0.0
        self._rest_s = _REST_MIN_S
        self._rests_until_s = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether short writes may be waited for."""
        return not self._rests_until_s or time.monotonic() >= self._rests_until_s

    def measure(self) -> _Measurement:
        """Around one short write that everybody waits for."""
        return _Measurement(self)

    def took(self, seconds: float) -> None:
        """One short write took that long."""
        self._mean_s += _WEIGHT * (seconds - self._mean_s)
        if self._mean_s > QUICK_S:
            self._mean_s = 0.0
            self._rests_until_s = time.monotonic() + self._rest_s
            self._rest_s = min(self._rest_s * 2, _REST_MAX_S)
        elif self._rests_until_s and time.monotonic() > self._rests_until_s + self._rest_s:
            self._rests_until_s, self._rest_s = 0.0, _REST_MIN_S


class _Measurement:
    """One short write, timed however it ends; a generator would cost each job a good deal more."""

    __slots__ = ("_speed", "_started_s")

    def __init__(self, speed: DiskSpeed) -> None:
        self._speed = speed

    def __enter__(self) -> None:
        self._started_s = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._speed.took(time.monotonic() - self._started_s)
