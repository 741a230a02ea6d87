"""The whole start, Studio's own beside a running engine, and its memory before and after jobs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx

from benchmarks.options import Options
from benchmarks.processes import memory_mib
from benchmarks.report import Budget, Figure, Part, median
from benchmarks.servers import KEY, RunningStudio, free_port, run_studio
from benchmarks.workload import V2Client

_BATCH: Final = 100
_CALM_S: Final = 3.0
_POLL_S: Final = 0.01


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
    cold, *warm = _whole_starts(options, starts)
    figures = [
        Figure("empty volume: start to the page, s", cold.page_s),
        Figure("empty volume: start to /ready, s", cold.ready_s),
        Figure(
            "whole start to the page, s",
            median(start.page_s for start in warm),
            budget=Budget("at_most", 3),
        ),
        Figure("whole start to /ready, s", median(start.ready_s for start in warm)),
        Figure(
            "whole start: /ready after the engine answers, s",
            median(start.ready_s - start.engine_s for start in warm),
            budget=Budget("at_most", 1),
        ),
        Figure("start to /ready, s", median(times), budget=Budget("at_most", 1.5)),
        Figure("memory idle, MiB", idle_mib, budget=Budget("at_most", 120)),
        Figure(f"memory after {jobs:,} jobs, MiB", worked_mib, budget=Budget("at_most", 150)),
    ]
    wholes = [asdict(start) for start in (cold, *warm)]
    return Part("start", figures, raw={"starts_s": times, "whole_starts": wholes})


@dataclass(frozen=True, slots=True)
class _WholeStart:
    """Seconds since bootstrap began; ``engine_s`` is when its engine first answered."""

    page_s: float
    engine_s: float
    ready_s: float
    phases: dict[str, float]


class _Answered:
    """When something first took a connection on ``port``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.at = 0.0
        self.over = False

    def watch(self) -> None:
        while not self.over:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                self.at = time.perf_counter()
                return
            time.sleep(_POLL_S)


@contextlib.contextmanager
def watch_engine() -> Iterator[_Answered]:
    """A port for the engine, watched from now on."""
    answered = _Answered()
    watcher = threading.Thread(target=answered.watch)
    watcher.start()
    try:
        yield answered
    finally:
        answered.over = True
        watcher.join()


def _whole_starts(options: Options, count: int) -> Iterator[_WholeStart]:
    """Bootstrap, engine and Studio together: on an empty folder, then ``count`` times again."""
    folder = options.folder("whole-start")
    for _ in range(count + 1):
        began = time.perf_counter()
        with (
            watch_engine() as answered,
            run_studio(folder, COMFYUI_PORT=str(answered.port)) as studio,
        ):
            told = _told(studio)
            yield _WholeStart(
                told["page_s"],
                answered.at - began,
                told["ready_s"],
                {phase["name"]: phase["seconds"] for phase in told["phases"]},
            )


def _told(studio: RunningStudio) -> dict[str, Any]:
    """What Studio says of its start, once it has noticed itself that work is taken."""
    headers = {"Authorization": f"Bearer {KEY}"}
    while True:
        answer = httpx.get(f"{studio.url}/api/system", headers=headers, timeout=30)
        told: dict[str, Any] = answer.json()["start"]
        if told["ready_s"] is not None:
            return told
        time.sleep(_POLL_S)


async def _work(studio: RunningStudio, jobs: int) -> None:
    client = V2Client("Studio", studio.url, KEY)
    await client.open()
    try:
        for _ in range(jobs // _BATCH):
            await client.wait([await client.submit() for _ in range(_BATCH)])
    finally:
        await client.close()
