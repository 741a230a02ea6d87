"""How long graphs take: the last twenty runs of each key, their median, and what is to be expected.

What never ran is expected to take as long as its like: runs with the same models (without any, of
the same nodes), with as many times the steps and pixels as it wants more than they had.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from studio.models import Job
from studio.store.job_stats import REPEAT, SIZES, Ran

KEPT: Final = 20
_MOST_LIKES: Final = 2000

Likeness = tuple[str, tuple[str, ...]]


class Durations:
    """Milliseconds of successful runs by graph key, and by what they are like."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[int]] = {}
        self._medians: dict[str, float] = {}
        self._likes: dict[Likeness, deque[tuple[Mapping[str, int], int]]] = {}

    def load(self, runs: Iterable[Ran]) -> None:
        """Take over past runs, oldest first."""
        for ran in runs:
            self.add(ran.graph_key, ran.duration_ms)
            self._keep(_likeness(ran.affinity_key, ran.classes, ran.sizes), ran)

    def note(self, job: Job, duration_ms: int) -> None:
        """A job that succeeded; a repeat of what the engine had kept tells nothing."""
        if REPEAT in job.extra:
            return
        self.load([Ran(job.graph_key, duration_ms, job.affinity_key, job.classes, _sizes(job))])

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

    def expected_ms(self, job: Job) -> float | None:
        """How long a job may well take; ``None`` when nothing like it ever ran.

        Three in four of its graph's last twenty took no longer: results that an engine had kept
        must not make the rest look short.
        """
        if runs := self._runs.get(job.graph_key):
            return float(sorted(runs)[math.ceil(len(runs) * 0.75) - 1])
        sizes = _sizes(job)
        likes = self._likes.get(_likeness(job.affinity_key, job.classes, sizes), ())
        # Never scaled down: what takes half the steps still loads its models.
        scaled = [
            duration_ms * math.prod(max(1.0, sizes[name] / max(1, had[name])) for name in sizes)
            for had, duration_ms in likes
        ]
        return statistics.median(scaled) if scaled else None

    def _keep(self, likeness: Likeness, ran: Ran) -> None:
        # At the end again, so that what was not run for longest goes first.
        likes = self._likes.pop(likeness, None) or deque(maxlen=KEPT)
        likes.append((ran.sizes, ran.duration_ms))
        self._likes[likeness] = likes
        if len(self._likes) > _MOST_LIKES:
            del self._likes[next(iter(self._likes))]


def _sizes(job: Job) -> Mapping[str, int]:
    sizes: Mapping[str, int] = job.extra.get(SIZES, {})
    return sizes


def _likeness(affinity_key: str, classes: Iterable[str], sizes: Mapping[str, int]) -> Likeness:
    return affinity_key or " ".join(sorted(classes)), tuple(sorted(sizes))
