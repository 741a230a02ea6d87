"""How long requests took until their answer began, by method and route."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ELSEWHERE: Final = "none"
"""The route of what no route knows: addresses are made up by whoever asks."""


@dataclass(slots=True)
class Times:
    """A histogram: how many took up to each of ``BOUNDS_S``, and longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0


class RequestTimes:
    """Counters in memory: the path of a job pays for one addition, no lock and no object."""

    def __init__(self) -> None:
        self.times: dict[tuple[str, str], Times] = {}
        self.statuses: dict[int, int] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answer began."""
        known = self.times.get((method, route))
        if known is None:
            known = self.times[method, route] = Times()
        known.counts[bisect_left(BOUNDS_S, seconds)] += 1
        known.total_s += seconds
        self.statuses[status] = self.statuses.get(status, 0) + 1


request_times: Final = RequestTimes()
"""The one of this process, as there is one of each of its ports."""
