"""Ten thousand waiting jobs: picking the next one, and pages of the queue."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from benchmarks.options import Options
from benchmarks.report import Budget, Figure, Part, median, percentile
from benchmarks.seeding import seed_queue, waiting_job
from benchmarks.servers import run_studio
from benchmarks.timing import request_ms
from studio.clients.comfy import ComfyClient
from studio.clock import Clock
from studio.services.dispatcher import Dispatcher
from studio.services.engine import Engine, EngineState
from studio.services.engines import EngineService
from studio.services.pace import Pace
from studio.services.queue import JobQueue, LiveJob
from studio.services.usage import Usage
from studio.settings import EngineSetting

_PICKS: Final = 1000
_USERS: Final = 20
_MODELS: Final = 12
_TIMES: Final = 50


def measure(options: Options) -> Part:
    """Pick in this process; ask a Studio that started with the queue."""
    count = 2_000 if options.quick else 10_000
    folder = options.folder("queue")
    picks = asyncio.run(_pick(count, folder))
    ids = asyncio.run(seed_queue(folder, count))
    with run_studio(folder, MAX_QUEUE_DEPTH=str(2 * count)) as studio:
        restart_s = studio.restart()
        with studio.client() as client:
            first = request_ms(client, "/api/queue", times=_TIMES)
            last = request_ms(client, f"/api/queue?start={count - 50}", times=_TIMES)
            middle = request_ms(client, f"/api/v2/jobs/{ids[count // 2]}", times=_TIMES)
            depth = client.get("/api/queue").json()["depth"]
    if depth != count:
        raise RuntimeError(f"The queue holds {depth} jobs instead of {count}.")
    figures = [
        Figure(
            f"picking the next of {count:,}, p95, ms",
            percentile(picks, 95),
            budget=Budget("at_most", 2),
        ),
        Figure("first page of the queue, ms", median(first), budget=Budget("at_most", 50)),
        Figure("last page of the queue, ms", median(last), budget=Budget("at_most", 50)),
        Figure("a job in the middle of the queue, ms", median(middle)),
        Figure(f"start to /ready with {count:,} waiting, s", restart_s),
    ]
    remarks = [f"picked: {_USERS} users, {_MODELS} models, one of them loaded; {_PICKS} picks"]
    return Part("queue", figures, remarks, {"picks_ms": picks})


async def _pick(count: int, folder: Path) -> list[float]:
    """Milliseconds of picks, each followed by the claim that takes the job out."""
    clock = Clock()
    queue = JobQueue()
    usage = Usage(clock)
    engines = EngineService(
        settings=(),
        supervisor=None,
        record=folder / "engines.json",
        clock=clock,
        hang_s=300.0,
        pace=Pace(),
    )

    async def expire(_: LiveJob) -> None:
        """No job here has a deadline."""

    def start(_engine: Engine, _live: LiveJob) -> None:
        """What is picked is only counted here."""

    dispatcher = Dispatcher(
        queue=queue,
        engines=engines,
        usage=usage,
        clock=clock,
        start=start,
        expire=expire,
        take_back=lambda _: None,
    )
    setting = EngineSetting("bench", "remote", "http://127.0.0.1:9")
    client = ComfyClient(setting.url)
    engine = Engine(setting=setting, client=client, client_id="bench")
    engine.state = EngineState.READY
    engine.learn({"EmptyImage": {}, "SaveImage": {}})
    engine.loaded["model-0"] = ()
    engines.engines[engine.name] = engine
    now_ms = clock.now_ms()
    for number in range(count):
        job = waiting_job(
            number,
            now_ms,
            affinity=f"model-{number // _USERS % _MODELS}",
            user_id=f"user-{number % _USERS}",
        )
        queue.add(LiveJob(job), waiting=True)
    taken = []
    for number in range(min(_PICKS, count // 2)):
        started = time.perf_counter()
        live = dispatcher.pick(engine)
        taken.append(1e3 * (time.perf_counter() - started))
        assert live is not None
        queue.claim(live)
        usage.add(live.job.user_id, 1.0 + number % 7)
    await client.close()
    return taken
