"""How long graphs take: the last twenty runs of each key, and their median."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from typing import Final

KEPT: Final = 20


class Durations:
    """Milliseconds of successful runs by graph key."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[int]] = {}
        self._medians: dict[str, float] = {}

    def load(self, runs: Iterable[tuple[str, int]]) -> None:
        """Take over (graph key, ms) of past runs, oldest first."""
        for key, duration_ms in runs:
            self.add(key, duration_ms)

    def add(self, graph_key: str, duration_ms: int) -> None:
        """One more run."""
        self._runs.setdefault(graph_key, deque(maxlen=KEPT)).append(duration_ms)
        self._medians.pop(graph_key, None)

    def median(self, graph_key: str) -> float | None:
        """The median of the last twenty, ``None`` without data."""
        runs = self._runs.get(graph_key)
        if not runs:
            return None
        median = self._medians.get(graph_key)
        if median is None:
            median = self._medians[graph_key] = float(statistics.median(runs))
        return median
