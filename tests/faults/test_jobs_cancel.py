"""Cancelling: at every moment, lost on the way, and in a race with the end."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import previewed, saved, twice
from tests.faults.harness import ENDS, Api, settings_for, studio_inside, until

RACES = 60


async def test_a_waiting_job_is_cancelled_at_once_and_never_sent(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        jobs = [await api.submit(saved(f"fox {n}")) for n in range(3)]
        canceled = await api.cancel(jobs[2])
        assert canceled["status"] == "canceled"
        engine.open_all()
        await api.wait_all(jobs)

        assert engine.runs == {"fox 0": 1, "fox 1": 1}


async def test_a_cancelled_pending_prompt_leaves_no_trace_and_is_never_requeued(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        first = await api.submit(saved("first"))
        pending = await api.submit(saved("pending"))
        await until(lambda: len(engine.pending) == 1)
        assert (await api.cancel(pending))["status"] in ("canceling", "canceled")
        ended = await api.wait(pending)
        assert ended["status"] == "canceled"
        assert ended["error"] is None
        engine.open_all()
        await api.wait(first)
        await asyncio.sleep(0.3)

        assert (await api.get(pending))["status"] == "canceled"
        assert engine.runs == {"first": 1}
        assert len(engine.posts) == 2


async def test_a_running_job_is_interrupted_and_its_files_are_not_published(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await api.cancel(job_id)
        await until(lambda: engine.cancels)
        engine.open_all()
        job = await api.wait(job_id)

        assert (job["status"], job["outputs"]) == ("canceled", [])


async def test_a_cancel_is_repeated_while_the_engine_lists_the_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    engine.lost_cancels = 3
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await api.cancel(job_id)
        await until(lambda: engine.cancels.total() >= 4, "repeated cancels")
        assert (await api.get(job_id))["status"] == "canceling"
        engine.open_all()

        assert (await api.wait(job_id))["status"] == "canceled"


async def test_a_job_cancelled_before_its_prompt_was_accepted_ends_cancelled(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("accept")
    engine.hold("start")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.posts)
        await api.cancel(job_id)
        engine.release("accept")
        job = await api.wait(job_id)
        engine.open_all()
        await asyncio.sleep(0.2)

        assert job["status"] == "canceled"
        assert engine.runs == {}


async def test_a_cancel_while_the_engine_is_dead_is_kept(engine: FakeComfy, tmp_path: Path) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await engine.die()
        assert (await api.cancel(job_id))["status"] == "canceling"
        await engine.start()
        engine.open_all()
        job = await api.wait(job_id)

        assert job["status"] == "canceled"
        assert engine.runs == {"fox": 1}


async def test_a_job_that_must_run_a_node_again_can_still_be_cancelled(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(previewed("fox")))
        engine.files.clear()
        engine.on_frame = lambda kind: engine.hold("node") if kind == "execution_success" else None
        job_id = await api.submit(previewed("fox"))
        await until(lambda: len(engine.posts) == 3 and engine.running is not None)
        assert (await api.cancel(job_id))["status"] == "canceling"
        engine.on_frame = None
        await until(lambda: engine.cancels)
        engine.open_all()

        assert (await api.wait(job_id))["status"] == "canceled"


async def test_cancelling_twice_or_after_the_end_changes_nothing(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        ended = await api.wait(job_id)
        again = await api.cancel(job_id)

        assert again["status"] == ended["status"] == "succeeded"
        assert len((await api.get(job_id))["outputs"]) == 1


async def race(api: Api, engine: FakeComfy, chance: random.Random) -> None:
    """One job, cancelled some turns of the loop after some step of its life."""
    text = f"race {chance.random()}"
    moment = chance.choice(["posted", "started", "executed", "success", "history", "viewed"])
    turns = chance.randrange(12)
    engine.node_delay_s = chance.choice([0.0, 0.0, 0.002])
    engine.lost_cancels = chance.choice([0, 0, 1])
    reached = asyncio.Event()
    frames = {"started": "execution_start", "executed": "executed", "success": "execution_success"}
    if moment in frames:
        engine.on_frame = lambda kind: reached.set() if kind == frames[moment] else None
    before = {"history": engine.arrived["history"], "view": engine.arrived["view"]}
    job_id = await api.submit(twice(text))
    if moment in frames:
        await asyncio.wait_for(reached.wait(), 10)
    elif moment == "history":
        await until(lambda: engine.arrived["history"] > before["history"])
    elif moment == "viewed":
        await until(lambda: engine.arrived["view"] > before["view"])
    for _ in range(turns):
        await asyncio.sleep(0)
    seen = [(await api.cancel(job_id))["status"]]
    engine.on_frame = None
    while seen[-1] not in ENDS:
        await asyncio.sleep(0.005)
        seen.append((await api.get(job_id))["status"])
    await asyncio.sleep(0.01)
    job = await api.get(job_id)
    seen.append(job["status"])
    ends = [status for status in seen if status in ENDS]
    assert len(set(ends)) == 1, seen
    assert ends[0] in ("succeeded", "canceled"), job
    assert engine.runs[text] <= 1
    if ends[0] == "succeeded":
        assert len(job["outputs"]) == 2
        assert engine.finished[text] == 1


async def assert_races_end_once(engine: FakeComfy, folder: Path, seed: int, count: int) -> None:
    chance = random.Random(seed)
    async with studio_inside(settings_for(folder, [engine.url])) as api:
        await api.wait_ready()
        for _ in range(count):
            await race(api, engine, chance)
        await until(lambda: engine.running is None and not engine.pending)
        listed = await api.client.get("/api/v2/jobs", params={"limit": 500})
        assert {job["status"] for job in listed.json()["jobs"]} <= {"succeeded", "canceled"}


async def test_a_cancel_that_races_the_end_leads_to_one_end(
    engine: FakeComfy, tmp_path: Path
) -> None:
    await assert_races_end_once(engine, tmp_path, seed=19, count=RACES)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
async def test_two_hundred_cancels_that_race_the_end_lead_to_one_end_each(
    engine: FakeComfy, tmp_path: Path, seed: int
) -> None:
    await assert_races_end_once(engine, tmp_path, seed=seed, count=200)
