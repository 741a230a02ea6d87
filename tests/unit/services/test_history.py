"""Estimated starts: medians of what is ahead, unknown without data or without an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock
from studio.models import ALL_SCOPES, Identity, Role
from studio.services.durations import Durations
from studio.services.engine import Engine, EngineState
from studio.services.engines import EngineService
from studio.services.history import HistoryService
from studio.services.pace import Pace
from studio.services.queue import JobQueue, LiveJob
from studio.settings import EngineSetting
from studio.store.assets import AssetStore
from studio.store.job_list import JobListStore
from studio.store.job_stats import Ran
from tests.fakes.jobs import a_job

OWNER = Identity("owner", Role.OWNER, ALL_SCOPES)


class Line:
    """A queue in front of one ready engine, and the service that looks at it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FrozenClock()
        self.queue = JobQueue()
        self.durations = Durations()
        self.engines = EngineService(
            settings=(),
            supervisor=None,
            record=folder / "engines.json",
            clock=self.clock,
            hang_s=300.0,
            pace=Pace(),
        )
        setting = EngineSetting("one", "remote", "http://127.0.0.1:1")
        self.engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
        self.engine.state = EngineState.READY
        self.engines.engines["one"] = self.engine
        self.history = HistoryService(
            queue=self.queue,
            durations=self.durations,
            lists=cast(JobListStore, None),
            assets=cast(AssetStore, None),
            engines=self.engines,
            clock=self.clock,
            retention_days=1,
        )

    def add(self, key: str, *, waiting: bool = True) -> LiveJob:
        job = a_job(
            id=f"job-{self.queue.depth}",
            user_id="owner",
            rank=self.queue.next_rank(),
            graph_key=key,
        )
        live = LiveJob(job)
        self.queue.add(live, waiting=waiting)
        return live

    def starts(self) -> list[int | None]:
        """Estimated starts of the waiting jobs in order, ms from now."""
        entries = self.history.waiting(OWNER, start=0, limit=50)
        return [entry.starts_in_ms for entry in entries]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    yield made
    await made.engine.client.close()


async def test_a_start_is_the_sum_of_the_medians_ahead(line: Line) -> None:
    line.durations.load([Ran("quick", 100), Ran("quick", 300), Ran("slow", 5000)])
    for key in ("slow", "quick", "quick"):
        line.add(key)
    assert line.starts() == [0, 5000, 5200]


async def test_without_data_for_one_job_all_behind_it_are_unknown(line: Line) -> None:
    line.durations.add("known", 100)
    for key in ("known", "never ran", "known"):
        line.add(key)
    assert line.starts() == [0, 100, None]


async def test_what_runs_counts_with_the_time_it_has_left(line: Line) -> None:
    line.durations.add("slow", 5000)
    running = line.add("slow", waiting=False)
    running.job = replace(running.job, started_at=line.clock.now_ms())
    line.add("slow")
    assert line.starts() == [5000]
    line.clock.advance(2)
    assert line.starts() == [3000]
    line.clock.advance(60)
    assert line.starts() == [0]


async def test_nothing_is_estimated_while_paused_or_without_a_ready_engine(line: Line) -> None:
    line.durations.add("known", 100)
    line.add("known")
    assert line.starts() == [0]
    line.queue.paused = True
    assert line.starts() == [None]
    line.queue.paused = False
    line.engine.state = EngineState.DOWN
    assert line.starts() == [None]
