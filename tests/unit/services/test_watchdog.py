"""What the watchdog does about which run, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from studio.clients.comfy import ComfyClient
from studio.clients.supervisor import SupervisorUnavailable
from studio.models import JobError
from studio.services.engine import Engine
from studio.services.queue import LiveJob
from studio.services.run import End, Ended, Run
from studio.services.watchdog import Watchdog
from studio.settings import EngineSetting
from tests.fakes.jobs import a_job

STUCK_S = 100.0
GRACE_S = 10.0


class Rig:
    def __init__(self, *, stuck_s: float = STUCK_S, kind: str = "comfyui") -> None:
        setting = EngineSetting("one", kind, "http://127.0.0.1:1")
        self.engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
        self.restarted: list[str] = []
        self.failures = 0
        self.watchdog = Watchdog(stuck_s=stuck_s, restart=self._restart, grace_s=GRACE_S)

    async def _restart(self, name: str) -> None:
        if self.failures:
            self.failures -= 1
            raise SupervisorUnavailable("bootstrap is away")
        self.restarted.append(name)

    def run(self, *, executing: bool = True, of_editor: bool = False) -> Run:
        job = replace(a_job(id="job"), origin="editor") if of_editor else a_job(id="job")
        return Run(
            live=LiveJob(job),
            engine=self.engine,
            prompt_id="p",
            boot="life",
            epoch=1,
            classes={},
            ended=asyncio.get_running_loop().create_future(),
            executing=executing,
        )

    async def look(self, run: Run, now_s: float) -> bool:
        """Look once; whether something was done."""
        work = self.watchdog.due(run, now_s)
        if work is not None:
            await work
        return work is not None


Make = Callable[..., Rig]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    rigs: list[Rig] = []

    def made(**options: Any) -> Rig:
        rigs.append(Rig(**options))
        return rigs[-1]

    yield made
    for rig in rigs:
        await rig.engine.client.close()


@pytest.mark.parametrize(
    ("now_s", "executing", "of_editor"),
    [(STUCK_S - 1, True, False), (STUCK_S * 9, False, False), (STUCK_S * 9, True, True)],
    ids=["recent news", "waits inside the engine", "a run of the editor's"],
)
async def test_what_is_not_stuck_is_left_alone(
    make: Make, now_s: float, executing: bool, of_editor: bool
) -> None:
    rig = make()
    run = rig.run(executing=executing, of_editor=of_editor)
    assert not await rig.look(run, now_s) and run.stuck is None


async def test_without_a_limit_nothing_is_ever_stuck(make: Make) -> None:
    rig = make(stuck_s=0)
    assert not await rig.look(rig.run(), 1e9)


async def test_it_is_interrupted_first_and_then_its_engine_restarted_once(make: Make) -> None:
    rig = make()
    run = rig.run()
    assert await rig.look(run, STUCK_S) and rig.restarted == []
    assert run.stuck is not None and run.stuck.code == "job_stuck"
    assert await rig.look(run, STUCK_S + GRACE_S) and rig.restarted == ["one"]
    assert await rig.look(run, STUCK_S + GRACE_S + 1) and rig.restarted == ["one"]


async def test_a_restart_that_failed_is_tried_again(make: Make) -> None:
    rig = make()
    rig.failures = 1
    run = rig.run()
    assert await rig.look(run, STUCK_S + GRACE_S) and rig.restarted == []
    assert await rig.look(run, STUCK_S + GRACE_S + 1) and rig.restarted == []
    assert await rig.look(run, STUCK_S + 2 * GRACE_S) and rig.restarted == ["one"]


async def test_one_that_was_cancelled_ends_as_that_but_its_engine_is_restarted_too(
    make: Make,
) -> None:
    rig = make()
    run = rig.run()
    run.live.update(cancel_requested_at=1)
    assert not await rig.look(run, STUCK_S)
    assert await rig.look(run, STUCK_S + GRACE_S) and rig.restarted == ["one"]
    assert run.stuck is None


async def test_an_engine_given_by_address_is_only_asked_again(make: Make) -> None:
    rig = make(kind="remote")
    run = rig.run()
    assert await rig.look(run, STUCK_S + GRACE_S) and rig.restarted == []


@pytest.mark.parametrize("end", [End.INTERRUPTED, End.DIED, End.VANISHED])
async def test_however_a_stuck_run_ends_that_is_why(make: Make, end: End) -> None:
    run = make().run()
    run.stuck = JobError("job_stuck", "It was stuck.")
    run.end(Ended(end, counted=True))
    assert run.ended.result() == Ended(End.ERROR, error=run.stuck)


async def test_one_that_succeeds_at_the_last_moment_has_succeeded(make: Make) -> None:
    run = make().run()
    run.stuck = JobError("job_stuck", "It was stuck.")
    run.end(Ended(End.SUCCESS))
    assert run.ended.result().end is End.SUCCESS
