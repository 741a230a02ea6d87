"""Many clients of one job's event stream: how late they hear, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import aiohttp
import httpx

from benchmarks.options import Options
from benchmarks.processes import memory_mib
from benchmarks.report import Budget, Figure, Part, percentile
from benchmarks.servers import KEY, RunningStudio, authorization, run_studio
from benchmarks.workload import graph
from studio.web.job_events import MAX_STREAMS_PER_USER

_CALM_S: Final = 2.0
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_STARTED: Final = b'"running"'
_ENDED: Final = b'"succeeded"'


def measure(options: Options) -> Part:
    """Watch jobs, each by as many clients as one user may have."""
    jobs = 5 if options.quick else 20
    with run_studio(options.folder("events")) as studio:
        pid = studio.pid
        asyncio.run(_watch(studio, 2))
        time.sleep(_CALM_S)
        before_mib = memory_mib(pid)
        watched = asyncio.run(_watch(studio, jobs, pid))
        time.sleep(_CALM_S)
        after_mib = memory_mib(pid)
    starts = [late for one in watched for late in one["started_ms"]]
    ends = [late for one in watched for late in one["ended_ms"]]
    peak_mib = max(one["memory_mib"] for one in watched)
    clients = MAX_STREAMS_PER_USER
    figures = [
        Figure(
            f"{clients} event clients: engine's start frame to client, p95, ms",
            percentile(starts, 95),
            budget=Budget("at_most", 100),
        ),
        Figure(
            f"{clients} event clients: end of job, its commit included, to client, p95, ms",
            percentile(ends, 95),
            budget=Budget("at_most", 100),
        ),
        Figure(f"memory of {clients} open streams, MiB", peak_mib - before_mib),
        Figure(f"memory left over after {jobs * clients:,} streams, MiB", after_mib - before_mib),
    ]
    remarks = [f"one user may have {clients} streams; the part live has 500 clients"]
    return Part("events", figures, remarks, {"jobs": watched})


async def _watch(studio: RunningStudio, jobs: int, pid: int | None = None) -> list[dict[str, Any]]:
    """Each job waits until all clients have its first event, then it runs.

    Returns:
        For each job how late each client heard of its start and end, and Studio's memory while
        all streams were open.
    """
    found = []
    headers = authorization(KEY)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(studio.url, connector=connector, timeout=_TIMEOUT) as session,
        httpx.AsyncClient(base_url=studio.url, headers=headers, timeout=60) as client,
    ):
        for _ in range(jobs):
            await ok(client.post("/api/queue/pause"))
            job = (await ok(client.post("/api/v2/jobs", json={"workflow": graph()}))).json()
            clients = [_Client() for _ in range(MAX_STREAMS_PER_USER)]
            path = job["urls"]["events"]
            streams = [asyncio.create_task(one.listen(session, path, headers)) for one in clients]
            await asyncio.gather(*(one.connected.wait() for one in clients))
            open_mib = memory_mib(pid) if pid is not None else 0.0
            await asyncio.sleep(0.2)
            await ok(client.post("/api/queue/resume"))
            await asyncio.gather(*streams)
            ended = (await ok(client.get(f"/api/v2/jobs/{job['id']}"))).json()
            completed_ms = 1e3 * datetime.fromisoformat(ended["completed_at"]).timestamp()
            started_ms = await engine_start_ms(studio.engine_url)
            found.append(
                {
                    "memory_mib": open_mib,
                    "started_ms": late([one.started_ms for one in clients], started_ms),
                    "ended_ms": late([one.ended_ms for one in clients], completed_ms),
                }
            )
    return found


class _Client:
    """One stream; it keeps the moments its two interesting events arrived."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.started_ms = 0.0
        self.ended_ms = 0.0

    async def listen(
        self, session: aiohttp.ClientSession, path: str, headers: dict[str, str]
    ) -> None:
        async with session.get(path, headers=headers) as answer:
            answer.raise_for_status()
            async for data in answer.content.iter_any():
                now_ms = time.time() * 1e3
                self.connected.set()
                if not self.started_ms and _STARTED in data:
                    self.started_ms = now_ms
                if _ENDED in data:
                    self.ended_ms = now_ms


def late(heard_ms: Sequence[float], happened_ms: float) -> list[float]:
    """How much later than it happened each client heard of it; all of them must have."""
    if not all(heard_ms):
        raise RuntimeError("An event client did not hear of the start or of the end of its job.")
    return [heard - happened_ms for heard in heard_ms]


async def engine_start_ms(engine_url: str) -> float:
    """When the engine says that it began its latest prompt."""
    async with httpx.AsyncClient(base_url=engine_url, timeout=10) as engine:
        history = (await ok(engine.get("/history?max_items=1"))).json()
    messages = dict(next(iter(history.values()))["status"]["messages"])
    return float(messages["execution_start"]["timestamp"])


async def ok(request: Any) -> httpx.Response:
    """The answer, which must be a success."""
    answer: httpx.Response = await request
    answer.raise_for_status()
    return answer
