"""How long language models have worked for people, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LanguageUsage(Collector):
    """Counts; ``charge`` is told of every request as well.

    Args:
        running: how many models have a place now.
    """

    def __init__(self, charge: Callable[[str, float], None], running: Callable[[], int]) -> None:
        self._charge = charge
        self._running = running
        self._seconds = 0.0
        self._requests = 0

    def note(self, user_id: str, seconds: float) -> None:
        """Somebody's request has ended."""
        self._seconds += seconds
        self._requests += 1
        self._charge(user_id, seconds)

    async def refresh(self) -> None:
        """Everything is in memory."""

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "studio_language_requests", "Requests that a language model has ended.", self._requests
        )
        yield CounterMetricFamily(
            "studio_language_seconds", "How long language models worked for them.", self._seconds
        )
        yield GaugeMetricFamily(
            "studio_language_models", "Language models that have a place now.", self._running()
        )
