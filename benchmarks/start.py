"""Studio's own start beside a running engine, and its memory before and after many jobs."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from benchmarks.options import Options
from benchmarks.processes import memory_mib
from benchmarks.report import Budget, Figure, Part, median
from benchmarks.servers import KEY, RunningStudio, run_studio
from benchmarks.workload import V2Client

_BATCH: Final = 100
_CALM_S: Final = 3.0


def measure(options: Options) -> Part:
    """Restart Studio alone, let it rest, give it jobs."""
    starts = 3 if options.quick else 5
    jobs = 300 if options.quick else 2000
    with run_studio(options.folder("start")) as studio:
        times = [studio.restart() for _ in range(starts)]
        time.sleep(_CALM_S)
        idle_mib = memory_mib(studio.pid)
        asyncio.run(_work(studio, jobs))
        time.sleep(_CALM_S)
        worked_mib = memory_mib(studio.pid)
    figures = [
        Figure("start to /ready, s", median(times), budget=Budget("at_most", 1.5)),
        Figure("memory idle, MiB", idle_mib, budget=Budget("at_most", 120)),
        Figure(f"memory after {jobs:,} jobs, MiB", worked_mib, budget=Budget("at_most", 150)),
    ]
    return Part("start", figures, raw={"starts_s": times})


async def _work(studio: RunningStudio, jobs: int) -> None:
    client = V2Client("Studio", studio.url, KEY)
    await client.open()
    try:
        for _ in range(jobs // _BATCH):
            await client.wait([await client.submit() for _ in range(_BATCH)])
    finally:
        await client.close()
