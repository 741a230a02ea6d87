"""Engines that die, hang and come back: what is run again, what is not, and who is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import paid, previewed, saved
from tests.faults.harness import settings_for, studio_inside, until


async def revive_whenever_dead(engine: FakeComfy) -> None:
    while True:
        await asyncio.sleep(0.02)
        if not engine.alive:
            await engine.start()


async def test_a_job_whose_engine_died_while_it_executed_runs_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.crashes["fox"] = 1
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: not engine.alive)
        await engine.start()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded"
        assert len(job["outputs"]) == 1
        assert engine.runs == {"fox": 2}
        assert engine.finished == {"fox": 1}
        assert job["engine_deaths"] == 1


async def test_the_third_death_while_it_executes_fails_the_job_as_engine_crash(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.crashes["poison"] = 99
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        reviver = asyncio.create_task(revive_whenever_dead(engine))
        job = await api.wait(await api.submit(saved("poison")))
        after = await api.wait(await api.submit(saved("fox")))
        reviver.cancel()

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert engine.runs["poison"] == 3
        assert after["status"] == "succeeded"


async def test_a_death_while_the_job_was_only_queued_there_never_counts(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("start")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        for _ in range(5):
            await until(lambda: len(engine.pending) == 1)
            await engine.die()
            await engine.start()
        await until(lambda: len(engine.pending) == 1)
        engine.open_all()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded"
        assert job["engine_deaths"] == 0
        assert engine.runs == {"fox": 1}


async def test_a_death_never_counts_against_the_job_that_waited_behind(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.crashes["poison"] = 3
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        poison = await api.submit(saved("poison"))
        behind = await api.submit(saved("behind"))
        await until(lambda: len(engine.pending) == 1)
        reviver = asyncio.create_task(revive_whenever_dead(engine))
        engine.open_all()
        jobs = await api.wait_all([poison, behind])
        reviver.cancel()

        assert jobs[0]["error"]["code"] == "engine_crash"
        assert (jobs[1]["status"], jobs[1]["engine_deaths"]) == ("succeeded", 0)
        assert engine.runs["behind"] == 1


async def test_a_death_never_counts_against_the_job_that_was_on_its_way_there(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        executing = await api.submit(saved("executing"))
        await api.wait(executing, ["running"])
        engine.hold("accept")
        coming = await api.submit(saved("coming"))
        await until(lambda: len(engine.posts) == 2)
        await engine.die()
        engine.open_all()
        await engine.start()
        jobs = await api.wait_all([executing, coming])

        assert [job["status"] for job in jobs] == ["succeeded"] * 2
        assert [job["engine_deaths"] for job in jobs] == [1, 0]


async def test_a_paid_graph_that_had_started_is_not_run_again_by_itself(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.crashes["gold"] = 1
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(paid("gold"))
        await until(lambda: not engine.alive)
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert engine.runs == {"gold": 1}
        retry = await api.client.post(f"/api/jobs/{job_id}/retry", json={})
        assert (await api.wait(retry.json()["id"]))["status"] == "succeeded"


async def test_a_paid_graph_that_was_accepted_before_any_engine_was_reached_is_known_as_paid(
    engine: FakeComfy, tmp_path: Path
) -> None:
    await engine.die()
    engine.crashes["gold"] = 1
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(paid("gold"))
        await engine.start()
        await until(lambda: engine.runs["gold"] == 1 and not engine.alive)
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert engine.runs == {"gold": 1}


async def test_a_paid_graph_whose_first_frame_died_with_the_engine_is_not_run_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.crashes["gold"] = 1
    engine.last_words_s = 0.0
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.deaf = True
        job_id = await api.submit(paid("gold"))
        await until(lambda: not engine.alive)
        engine.deaf = False
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert engine.runs == {"gold": 1}


async def test_a_paid_graph_that_was_only_queued_there_is_sent_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        ahead = await api.submit(saved("ahead"))
        await api.wait(ahead, ["running"])
        job_id = await api.submit(paid("gold"))
        await until(lambda: len(engine.pending) == 1)
        await engine.die()
        engine.open_all()
        await engine.start()
        jobs = await api.wait_all([ahead, job_id])

        assert [job["status"] for job in jobs] == ["succeeded"] * 2
        assert (engine.runs["gold"], jobs[1]["engine_deaths"]) == (1, 0)


async def test_a_paid_graph_is_not_sent_again_when_the_engine_dies_before_its_second_prompt(
    engine: FakeComfy, tmp_path: Path
) -> None:
    graph = {**paid("gold"), "5": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        assert (await api.wait(await api.submit(graph)))["status"] == "succeeded"
        engine.files = {file: made for file, made in engine.files.items() if file.type != "temp"}
        engine.on_frame = lambda kind: engine.hold("start") if kind == "execution_success" else None
        job_id = await api.submit(graph)
        await until(lambda: len(engine.pending) == 1 and len(engine.posts) == 3)
        await engine.die()
        engine.open_all()
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert len(engine.posts) == 3


async def test_an_engine_that_hangs_is_called_unresponsive_and_studio_goes_on(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.hangs = True
        running = await api.submit(saved("fox"))
        await api.wait_engine("unresponsive")
        assert (await api.ready()).status_code == 503
        waiting = [await api.submit(saved(f"later {n}")) for n in range(3)]
        listed = (await api.client.get("/api/v2/jobs")).json()["jobs"]
        assert {job["id"] for job in listed} == {running, *waiting}

        engine.hangs = False
        jobs = await api.wait_all([running, *waiting])

        assert {job["status"] for job in jobs} == {"succeeded"}
        assert set(engine.runs.values()) == {1}
        assert {job["engine_deaths"] for job in jobs} == {0}


async def test_an_engine_that_hangs_too_long_is_given_up_and_its_jobs_go_elsewhere(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url, other_engine.url], hang_s=1.0)
    async with studio_inside(settings) as api:
        await api.wait_ready()
        engine.hold("node")
        other_engine.hold("node")
        first = await api.submit(saved("first"))
        second = await api.submit(saved("second"))
        await until(lambda: engine.running and other_engine.running)
        engine.hangs = True
        other_engine.open_all()
        jobs = await api.wait_all([first, second])

        assert [job["status"] for job in jobs] == ["succeeded"] * 2
        assert sum(other_engine.finished.values()) == 2
        engine.hangs = False
        await until(lambda: engine.cancels, "what was given up is cancelled")
        engine.open_all()
        await until(lambda: engine.running is None and not engine.pending)
        assert engine.finished.total() == 0


async def test_a_job_sent_to_an_engine_that_is_gone_for_good_goes_to_another(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url], hang_s=1.0)
    engine.hold("node")
    async with studio_inside(settings) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.running)
    await engine.die()
    both = settings_for(tmp_path, [engine.url, other_engine.url], hang_s=1.0)
    async with studio_inside(both) as api:
        assert (await api.wait(job_id))["status"] == "succeeded"
        assert other_engine.runs == {"fox": 1}


async def test_waiting_jobs_start_once_a_hung_engine_answers_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        first = await api.submit(saved("first"))
        await until(lambda: engine.running)
        engine.hangs = True
        await api.wait_engine("unresponsive")
        more = [await api.submit(saved(f"more {n}")) for n in range(2)]
        engine.hangs = False
        engine.open_all()
        jobs = await api.wait_all([first, *more])

        assert {job["status"] for job in jobs} == {"succeeded"}


async def test_an_engine_that_lost_our_prompt_while_it_lived_on_ends_the_job_as_cancelled(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("start")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(previewed("fox"))
        await until(lambda: len(engine.pending) == 1)
        engine.pending.clear()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("canceled", "interrupted")
