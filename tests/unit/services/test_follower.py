"""What the listener of all engines holds, and how deaths are told from one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest

from studio.clients.comfy import ComfyClient
from studio.clients.comfy_events import EngineEvent
from studio.clock import FrozenClock
from studio.models import Job
from studio.services.collector import Collector
from studio.services.engine import Engine, EngineState
from studio.services.follower import EARLY_S, Follower
from studio.services.pace import Pace
from studio.services.queue import LiveJob
from studio.services.run import MAX_SAID, End, Run
from studio.services.watchdog import Watchdog
from studio.settings import EngineSetting
from studio.store.jobs import JobStore
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.fakes.jobs import a_job
from tests.faults.harness import until

JOB = a_job(id="job")


class NoStore:
    """Nothing here lives long enough to be stored."""

    async def update_start(self, job: Job, *, durable: bool) -> None:
        return


async def restart_nothing(_: str) -> None:
    return


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    setting = EngineSetting("one", "remote", "http://127.0.0.1:1")
    made = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
    made.state, made.boot = EngineState.READY, "life"
    yield made
    await made.client.close()


@pytest.fixture
async def follower() -> AsyncIterator[Follower]:
    made = Follower(
        jobs=cast(JobStore, NoStore()),
        collector=cast(Collector, None),
        clock=FrozenClock(),
        pace=Pace(),
        watchdog=Watchdog(stuck_s=0, restart=restart_nothing, grace_s=1),
    )
    yield made
    await made.stop()


def opened(follower: Follower, engine: Engine, prompt_id: str, *, paid: bool = False) -> Run:
    live = LiveJob(replace(JOB, id=prompt_id, prompt_id=prompt_id, paid=paid))
    return follower.open(engine, live, prompt_id, {"1": "Source", "2": "SaveImage"})


def tell(follower: Follower, run: Run, kind: str, **data: object) -> None:
    follower.on_frame(run.engine, EngineEvent(kind, {"prompt_id": run.prompt_id, **data}))


async def test_a_run_that_has_ended_wakes_nobody_up_later(
    follower: Follower, engine: Engine
) -> None:
    run = opened(follower, engine, "p")
    tell(follower, run, "execution_start")
    tell(follower, run, "executed", node="2", output={"images": []})
    assert len(run.timers) == 2
    assert not any(timer.cancelled() for timer in run.timers)
    follower.close(run)
    assert all(timer.cancelled() for timer in run.timers)


@pytest.mark.parametrize(
    ("entry", "end"),
    [
        ({"status": "done", "outputs": []}, End.SUCCESS),
        ({"status": {"messages": "none"}, "outputs": None}, End.SUCCESS),
        ({"status": {"messages": ["x", [], [1, {}], ["execution_error", 5], None]}}, End.SUCCESS),
        ({"status": {"messages": [["execution_cached", {"nodes": [[], 2]}]]}}, End.SUCCESS),
        ({"status": {"messages": [["execution_error", {"traceback": [1, None]}]]}}, End.ERROR),
        ({"status": {"status_str": "error", "messages": [["execution_error"]]}}, End.ERROR),
    ],
)
async def test_a_history_that_is_none_ends_its_run_all_the_same(
    follower: Follower, engine: Engine, entry: dict[str, object], end: End
) -> None:
    run = opened(follower, engine, "p")
    run.read_history(entry)
    assert (await run.ended).end is end


async def test_what_a_node_says_of_its_failure_is_kept_within_bounds(
    follower: Follower, engine: Engine
) -> None:
    run = opened(follower, engine, "p")
    tell(
        follower,
        run,
        "execution_error",
        node_id=2,
        node_type="T" * 10_000,
        exception_message="m" * (1 << 20),
        traceback=["line\n"] * (1 << 18),
    )
    error = (await run.ended).error
    assert error is not None
    assert (error.node_id, len(error.message)) == ("2", MAX_SAID)
    assert error.traceback is not None
    assert error.class_type is not None
    assert len(error.traceback) == MAX_SAID
    assert len(error.class_type) == 200


@pytest.mark.parametrize("let_go", [False, True])
async def test_an_engine_that_ended_with_the_studio_before_died_of_no_job(
    follower: Follower, engine: Engine, let_go: bool
) -> None:
    run = opened(follower, engine, "p")
    run.executing, run.let_go = True, let_go
    follower.on_died(engine, counted=True)
    assert (await run.ended).counted is not let_go


async def test_a_prompt_that_will_be_asked_about_is_held_before_and_not_after(
    follower: Follower, engine: Engine
) -> None:
    assert not follower.holds(engine, "p")
    follower.expect(engine, "p")
    assert follower.holds(engine, "p")
    run = opened(follower, engine, "p")
    assert follower.holds(engine, "p")
    follower.close(run)
    assert not follower.holds(engine, "p")


async def test_only_accepted_prompts_count_as_inside(follower: Follower, engine: Engine) -> None:
    run = opened(follower, engine, "p")
    assert follower.prompts(engine) == []
    run.accepted = True
    assert follower.prompts(engine) == ["p"]


async def test_prompts_that_wait_in_a_long_line_cost_one_question_together() -> None:
    comfy, clock = FakeComfy(), FrozenClock()
    await comfy.start()
    comfy.hold("start")
    engine = Engine(
        setting=EngineSetting("one", "remote", comfy.url),
        client=ComfyClient(comfy.url),
        client_id="us",
    )
    follower = Follower(
        jobs=cast(JobStore, NoStore()),
        collector=cast(Collector, None),
        clock=clock,
        pace=Pace(),
        watchdog=Watchdog(stuck_s=0, restart=restart_nothing, grace_s=1),
    )
    runs = [opened(follower, engine, f"p{number}") for number in range(30)]
    for run in runs:
        run.accepted = True
        comfy.put(saved(run.prompt_id), run.prompt_id, "a-browser")
    try:
        clock.advance(Pace().quiet_s)
        follower.on_idle_check(engine)
        await until(lambda: all(run.seen_pending for run in runs))
        assert comfy.asked == {"/queue": 1}
    finally:
        await follower.stop()
        await engine.client.close()
        await comfy.stop()


async def test_a_death_is_counted_for_the_prompt_that_executed_alone(
    follower: Follower, engine: Engine
) -> None:
    executing, pending, coming = (opened(follower, engine, name) for name in ("a", "b", "c"))
    executing.accepted = pending.accepted = coming.awaiting_reply = True
    tell(follower, executing, "execution_start")
    follower.on_died(engine, counted=True)
    ends = [run.ended.result() for run in (executing, pending, coming)]

    assert [ended.end for ended in ends] == [End.DIED] * 3
    assert [ended.counted for ended in ends] == [True, False, False]


async def test_a_death_while_an_idle_engine_judges_a_graph_is_counted_for_it(
    follower: Follower, engine: Engine
) -> None:
    coming = opened(follower, engine, "c")
    coming.awaiting_reply = True
    follower.on_died(engine, counted=True)
    assert coming.ended.result().counted


async def test_a_death_that_was_asked_for_is_counted_for_nobody(
    follower: Follower, engine: Engine
) -> None:
    run = opened(follower, engine, "a")
    run.accepted = True
    tell(follower, run, "execution_start")
    follower.on_died(engine, counted=False)
    assert not run.ended.result().counted


@pytest.mark.parametrize(("seen_pending", "foreign", "marked"), [(0, 0, 1), (1, 0, 0), (0, 1, 0)])
async def test_a_paid_prompt_that_may_have_started_is_marked_as_started(
    follower: Follower, engine: Engine, seen_pending: int, foreign: int, marked: int
) -> None:
    run = opened(follower, engine, "a", paid=True)
    run.accepted = True
    run.seen_pending = bool(seen_pending)
    engine.foreign = foreign
    follower.on_died(engine, counted=True)
    assert run.live.job.executing is bool(marked)


async def test_a_run_whose_every_frame_was_seen_ends_by_its_frames(
    follower: Follower, engine: Engine
) -> None:
    run = opened(follower, engine, "p")
    run.accepted = True
    output = {"images": [{"filename": "x.png", "subfolder": "", "type": "output"}]}
    tell(follower, run, "execution_start")
    tell(follower, run, "execution_cached", nodes=["1"])
    tell(follower, run, "executing", node="2")
    tell(follower, run, "progress", node="2", value=1, max=2)
    assert run.live.progress is not None
    assert (run.live.progress.step, run.live.progress.value) == (1, 0.75)
    tell(follower, run, "executed", node="2", output=output)
    tell(follower, run, "execution_success")
    ended = run.ended.result()

    assert ended.end is End.SUCCESS
    assert ended.outputs == {"2": output}
    assert ended.cached == {"1"}


@pytest.mark.parametrize("missing", ["start", "cached", "reconnect", "garbled"])
async def test_a_run_that_may_have_missed_a_frame_does_not_end_by_its_frames(
    follower: Follower, engine: Engine, missing: str
) -> None:
    run = opened(follower, engine, "p")
    if missing == "garbled":
        run.dropped_frames = -1
    if missing != "start":
        tell(follower, run, "execution_start")
    if missing != "cached":
        tell(follower, run, "execution_cached", nodes=[])
    if missing == "reconnect":
        engine.epoch += 1
    tell(follower, run, "execution_success")
    await asyncio.sleep(0)
    assert not run.ended.done()


async def test_an_error_names_its_node_and_an_interruption_is_no_error(
    follower: Follower, engine: Engine
) -> None:
    failed, stopped = opened(follower, engine, "a"), opened(follower, engine, "b")
    what = {"node_id": 4, "node_type": "KSampler", "exception_message": " no room \n"}
    tell(follower, failed, "execution_error", traceback=["x", "y"], **what)
    tell(follower, stopped, "execution_interrupted")
    error = failed.ended.result().error
    assert error is not None

    assert (error.code, error.node_id, error.class_type) == (
        "node_execution_error",
        "4",
        "KSampler",
    )
    assert (error.message, error.traceback) == ("no room", "xy")
    assert stopped.ended.result().end is End.INTERRUPTED


async def test_the_states_of_all_nodes_tell_a_late_listener_how_far_a_prompt_is(
    follower: Follower, engine: Engine
) -> None:
    run = opened(follower, engine, "p1")
    nodes = {"1": {"state": "finished"}, "2": {"state": "running"}, "3": "strange"}
    follower.on_frame(engine, EngineEvent("progress_state", {"prompt_id": "p1", "nodes": nodes}))
    follower.on_frame(
        engine, EngineEvent("progress", {"prompt_id": "p1", "node": "2", "value": 1, "max": 4})
    )
    progress = run.live.progress
    assert progress is not None
    assert (progress.nodes_done, progress.value) == (1, (1 + 0.25) / 2)


async def test_an_executed_frame_without_an_output_is_no_output(
    follower: Follower, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    run = opened(follower, engine, "p1")
    follower.on_frame(engine, EngineEvent("execution_start", {"prompt_id": "p1"}))
    empty = {"prompt_id": "p1", "node": "1", "output": None}
    follower.on_frame(engine, EngineEvent("executed", empty))
    await asyncio.sleep(EARLY_S * 1.5)
    assert run.outputs == {}
    assert "1" in run.done
    assert caplog.records == []
