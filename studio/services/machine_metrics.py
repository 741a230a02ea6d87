"""The machine, requests, downloads and what is stored, for Prometheus; read when asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from studio.clients.machine import DiskSpace, read_disk
from studio.clock import Clock
from studio.services.download_work import DownloadWork
from studio.services.pulse import Pulse, Reading
from studio.services.request_times import BOUNDS_S, RequestTimes
from studio.store.totals import Totals, TotalStore

_TOTALS_LAST_S: Final = 60.0


class MachineMetrics(Collector):
    """Everything that is asked of the system. ``refresh`` first: that may block.

    Args:
        disks: the folders whose disks matter, by what they are for.
        errors: refusals so far, by code.
        connections: how many are open.
    """

    def __init__(
        self,
        *,
        pulse: Pulse,
        totals: TotalStore,
        downloads: DownloadWork,
        requests: RequestTimes,
        disks: Mapping[str, Path],
        errors: Mapping[str, int],
        connections: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._pulse = pulse
        self._store = totals
        self._downloads = downloads
        self._requests = requests
        self._folders = disks
        self._errors = errors
        self._connections = connections
        self._clock = clock
        self._reading: Reading | None = None
        self._disks: dict[str, DiskSpace] = {}
        self._totals: Totals | None = None
        self._counted_s = 0.0

    async def refresh(self) -> None:
        """Read what ``collect`` shows."""
        self._reading = await self._pulse.read()
        spaces = await asyncio.to_thread(
            lambda: {name: read_disk(folder) for name, folder in self._folders.items()}
        )
        self._disks = {name: space for name, space in spaces.items() if space is not None}
        now_s = self._clock.monotonic_s()
        if self._totals is None or now_s - self._counted_s >= _TOTALS_LAST_S:
            self._totals, self._counted_s = await self._store.read(), now_s

    def collect(self) -> Iterator[Metric]:
        if self._reading is not None:
            yield from _machine(self._reading)
        yield from _disks(self._disks)
        yield from self._served()
        states = Counter(entry.row.state.value for entry in self._downloads.entries.values())
        yield _gauge(
            "studio_downloads", "Downloads that have not ended, by state.", "state", states
        )
        if self._totals is not None:
            stored = {"assets": self._totals.asset_bytes, "gallery": self._totals.gallery_bytes}
            yield _gauge("studio_stored_bytes", "Bytes of kept files.", "kind", stored)
            yield GaugeMetricFamily("studio_presets", "Presets.", self._totals.presets)
            yield GaugeMetricFamily("studio_jobs_stored", "Jobs in history.", self._totals.jobs)

    def _served(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "studio_request_seconds",
            "Time until the answer began, by method and route.",
            labels=["method", "route"],
        )
        bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
        for (method, route), times in list(self._requests.times.items()):
            sums = accumulate(times.counts)
            family.add_metric([method, route], list(zip(bounds, sums, strict=True)), times.total_s)
        yield family
        answered = {str(status): count for status, count in list(self._requests.statuses.items())}
        yield _counter("studio_responses", "Answers, by status.", "status", answered)
        yield _counter("studio_errors", "Refusals, by code.", "code", dict(self._errors))
        yield GaugeMetricFamily("studio_connections", "Open connections.", self._connections())


def _machine(reading: Reading) -> Iterator[Metric]:
    time = CounterMetricFamily("studio_cpu_seconds", "Time of each core.", labels=["cpu", "mode"])
    for number, core in enumerate(reading.cores):
        time.add_metric([str(number), "busy"], core.busy_s)
        time.add_metric([str(number), "idle"], core.idle_s)
    yield time
    if (memory := reading.memory) is not None:
        kinds = {"total": memory.total, "used": memory.used, "studio": memory.studio}
        yield _gauge("studio_memory_bytes", "Memory, of the container if limited.", "kind", kinds)
    if (traffic := reading.traffic) is not None:
        both = {"received": traffic.received, "sent": traffic.sent}
        yield _counter("studio_network_bytes", "Bytes over the network.", "direction", both)
    for name, help_text, values in (
        ("studio_gpu_load_ratio", "Use of the GPU.", [_of(g.load_percent) for g in reading.gpus]),
        (
            "studio_gpu_memory_used_bytes",
            "Memory of the GPU in use.",
            [g.memory_used_bytes for g in reading.gpus],
        ),
        (
            "studio_gpu_memory_total_bytes",
            "Memory of the GPU.",
            [g.memory_total_bytes for g in reading.gpus],
        ),
        (
            "studio_gpu_temperature_celsius",
            "Temperature of the GPU.",
            [g.temperature_c for g in reading.gpus],
        ),
        ("studio_gpu_power_watts", "Power of the GPU.", [g.power_w for g in reading.gpus]),
    ):
        told = {str(g.index): v for g, v in zip(reading.gpus, values, strict=True) if v is not None}
        yield _gauge(name, help_text, "gpu", told)


def _of(percent: int | None) -> float | None:
    return None if percent is None else percent / 100


def _disks(disks: Mapping[str, DiskSpace]) -> Iterator[Metric]:
    for name, help_text, values in (
        ("studio_disk_total_bytes", "Size of the disk.", {k: v.total for k, v in disks.items()}),
        ("studio_disk_free_bytes", "Room on the disk.", {k: v.free for k, v in disks.items()}),
    ):
        yield _gauge(name, help_text, "disk", values)


def _gauge(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
