"""When the warm-up is submitted, and when again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import cast

from studio.clock import FrozenClock
from studio.errors import QueueFull
from studio.models import Identity
from studio.services.auth import AuthService
from studio.services.engine import EngineState
from studio.services.engines import EngineListener, EngineService
from studio.services.jobs import JobService
from studio.services.pace import Pace
from studio.services.queue import JobQueue
from studio.services.submissions import Submission
from studio.services.warmup import Warmup
from studio.settings import EngineSetting


class Jobs:
    """Refuses the first two submits."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.accepted = asyncio.Event()

    async def submit(self, _identity: Identity, submission: Submission) -> None:
        self.asked.append(submission.only_engine)
        if len(self.asked) <= 2:
            raise QueueFull("The queue is full.")
        self.accepted.set()


class Auth:
    def console(self) -> None:
        return None


async def test_a_warm_up_that_was_refused_is_tried_again_until_it_is_accepted(
    tmp_path: Path,
) -> None:
    engines = EngineService(
        settings=[EngineSetting("gpu", "remote", "http://127.0.0.1:1")],
        supervisor=None,
        record=tmp_path / "engines.json",
        clock=FrozenClock(),
        hang_s=300,
        pace=Pace(),
    )
    engines.prepare(cast(EngineListener, None))
    engine = engines.engines["gpu"]
    engine.state, engine.boot = EngineState.READY, "a life"
    workflow = tmp_path / "warm.json"
    workflow.write_text("{}")
    jobs = Jobs()
    warmup = Warmup(
        jobs=cast(JobService, jobs),
        auth=cast(AuthService, Auth()),
        engines=engines,
        queue=JobQueue(),
        workflow=workflow,
        look_every_s=0.01,
        try_again_s=0.03,
    )
    task = asyncio.create_task(warmup.run())
    try:
        async with asyncio.timeout(10):
            await jobs.accepted.wait()
        await asyncio.sleep(0.1)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await engines.stop()
    assert engines.is_warm(engine)
    assert jobs.asked == ["gpu"] * 3
