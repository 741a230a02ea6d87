"""Many clients of the live WebSocket: how late they hear, and what they cost."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from benchmarks.events import engine_start_ms, late, ok
from benchmarks.options import Options
from benchmarks.processes import cpu_s, memory_mib
from benchmarks.report import Budget, Figure, Part, median, percentile
from benchmarks.servers import KEY, RunningStudio, authorization, run_studio
from benchmarks.workload import graph

CLIENTS: Final = 500
_CALM_S: Final = 2.0
_PATIENCE_S: Final = 60.0
_SUBSCRIBE: Final = b'{"type":"subscribe","topics":["jobs","queue","previews","system"]}'


def measure(options: Options) -> Part:
    """Run jobs one after another while 500 pages are open."""
    jobs = 3 if options.quick else 20
    with run_studio(options.folder("live"), MAX_LIVE_CLIENTS=str(CLIENTS)) as studio:
        pid = studio.pid
        before_mib = memory_mib(pid)
        # The first ones pay for what is loaded and allocated once.
        warm = asyncio.run(_follow(studio, pid, 2))
        time.sleep(_CALM_S)
        found = asyncio.run(_follow(studio, pid, jobs))
    starts = [ms for one in found["jobs"] for ms in one["started_ms"]]
    ends = [ms for one in found["jobs"] for ms in one["ended_ms"]]
    figures = [
        Figure(
            f"{CLIENTS} live clients: engine's start frame to client, p95, ms",
            percentile(starts, 95),
            budget=Budget("at_most", 100),
        ),
        Figure(
            f"{CLIENTS} live clients: end of job, its commit included, to client, p95, ms",
            percentile(ends, 95),
            budget=Budget("at_most", 100),
        ),
        Figure(
            f"CPU of one job with {CLIENTS} live clients, s",
            median(one["cpu_s"] for one in found["jobs"]),
        ),
        Figure(f"memory of {CLIENTS} live clients, MiB", warm["memory_mib"] - before_mib),
        Figure(
            f"memory that {CLIENTS} live clients after those and {jobs} jobs add, MiB",
            found["memory_after_mib"] - warm["memory_mib"],
        ),
    ]
    return Part("live", figures, raw=found)


async def _follow(studio: RunningStudio, pid: int, jobs: int) -> dict[str, Any]:
    """Connect everybody, then run one job after another.

    Returns:
        For each job how late each client heard of its start and its end and what it cost, and
        Studio's memory while all were connected, before and after the jobs.
    """
    loop = asyncio.get_running_loop()
    address = urlsplit(studio.url)
    clients = [_Client() for _ in range(CLIENTS)]
    found = []
    try:
        for client in clients:
            await loop.create_connection(client.itself, address.hostname or "", address.port or 0)
            await asyncio.wait_for(client.subscribed.wait(), _PATIENCE_S)
        memory = memory_mib(pid)
        headers = authorization(KEY)
        async with httpx.AsyncClient(base_url=studio.url, headers=headers, timeout=60) as http:
            for _ in range(jobs):
                for client in clients:
                    client.expect()
                before_s = cpu_s(pid)
                job = (await ok(http.post("/api/v2/jobs", json={"workflow": graph()}))).json()
                async with asyncio.timeout(_PATIENCE_S):
                    await asyncio.gather(*(client.done.wait() for client in clients))
                # What comes after the end, of the queue, belongs to the job as well.
                await asyncio.sleep(0.5)
                spent_s = cpu_s(pid) - before_s
                ended = (await ok(http.get(f"/api/v2/jobs/{job['id']}"))).json()
                completed_ms = 1e3 * datetime.fromisoformat(ended["completed_at"]).timestamp()
                started_ms = await engine_start_ms(studio.engine_url)
                found.append(
                    {
                        "cpu_s": spent_s,
                        "started_ms": late([one.started_ms for one in clients], started_ms),
                        "ended_ms": late([one.ended_ms for one in clients], completed_ms),
                    }
                )
        memory_after = memory_mib(pid)
    finally:
        for client in clients:
            client.close()
    return {"memory_mib": memory, "memory_after_mib": memory_after, "jobs": found}


class _Client(asyncio.Protocol):
    """A page that only looks at the clock: 500 that parse would measure themselves."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.done = asyncio.Event()
        self.started_ms = 0.0
        self.ended_ms = 0.0
        self._transport: asyncio.Transport | None = None
        self._greeted = False

    def itself(self) -> _Client:
        """The protocol of its connection."""
        return self

    def expect(self) -> None:
        """Listen for the next job."""
        self.started_ms = self.ended_ms = 0.0
        self.done.clear()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            (
                "GET /api/ws HTTP/1.1\r\nHost: studio\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}\r\nX-API-Key: {KEY}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        now_ms = time.time() * 1e3
        if not self._greeted:
            self._greeted = b'"hello"' in data
            if self._greeted and self._transport is not None:
                # Masked with zeros, which a server must accept.
                head = bytes([0x81, 0x80 | len(_SUBSCRIBE), 0, 0, 0, 0])
                self._transport.write(head + _SUBSCRIBE)
        elif not self.subscribed.is_set():
            if b'"topic":"system"' in data:
                self.subscribed.set()
        else:
            if not self.started_ms and b'"status":"running"' in data:
                self.started_ms = now_ms
            if not self.ended_ms and b'"status":"succeeded"' in data:
                self.ended_ms = now_ms
                self.done.set()
