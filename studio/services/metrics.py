"""Counters for Prometheus, on a registry of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from studio.models import Job, JobStatus
from studio.services.engines import EngineService
from studio.services.queue import JobQueue


class Metrics:
    """What Studio counts; live numbers are read when asked for."""

    def __init__(self, *, queue: JobQueue, engines: EngineService) -> None:
        self._registry = CollectorRegistry()
        self._refresh: list[Callable[[], Awaitable[None]]] = []
        self._finished = Counter(
            "studio_jobs_finished",
            "Jobs that ended, by status.",
            ["status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "studio_job_seconds",
            "Time a job spent executing.",
            buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
            registry=self._registry,
        )
        self._by_status = {
            status: self._finished.labels(status=status.value)
            for status in JobStatus
            if status.is_terminal
        }
        self._registry.register(_Live(queue, engines))

    def count_finish(self, job: Job, duration_ms: int | None) -> None:
        """A job ended."""
        self._by_status[job.status].inc()
        if duration_ms is not None:
            self._seconds.observe(duration_ms / 1000)

    def add(self, collector: Collector, refresh: Callable[[], Awaitable[None]]) -> None:
        """Show what ``collector`` has, too, once ``refresh`` has read it."""
        self._registry.register(collector)
        self._refresh.append(refresh)

    async def render(self) -> bytes:
        """The exposition text, UTF-8."""
        for refresh in self._refresh:
            await refresh()
        return generate_latest(self._registry)


class _Live(Collector):
    def __init__(self, queue: JobQueue, engines: EngineService) -> None:
        self._queue = queue
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        counts = dict.fromkeys((s.value for s in JobStatus if not s.is_terminal), 0)
        for live in self._queue.live.values():
            counts[live.job.status.value] += 1
        jobs = GaugeMetricFamily("studio_jobs", "Unfinished jobs, by status.", labels=["status"])
        for status, count in counts.items():
            jobs.add_metric([status], count)
        yield jobs
        yield GaugeMetricFamily("studio_queue_depth", "Unfinished jobs.", self._queue.depth)
        ready = GaugeMetricFamily(
            "studio_engine_ready", "1 while the engine takes work.", labels=["engine"]
        )
        inside = GaugeMetricFamily(
            "studio_engine_jobs", "Jobs of ours inside the engine.", labels=["engine"]
        )
        for engine in self._engines.engines.values():
            ready.add_metric([engine.name], float(engine.ready))
            inside.add_metric([engine.name], engine.occupied)
        yield ready
        yield inside
