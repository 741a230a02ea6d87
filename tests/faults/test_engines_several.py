"""More than one engine: edited lists, sick ones beside healthy ones, folders of their own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from studio.settings import Settings
from tests.fakes.bootstrap_family import family
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import HASTY, settings_for, studio_inside, until, with_run_dir


def driving(folder: Path, *engines: FakeComfy, hang_s: float = 300.0) -> Settings:
    """Settings of a Studio whose ``STUDIO_ENGINE`` lists these engines."""
    listed = ",".join(engine.url for engine in engines)
    named = Settings.from_env({"STUDIO_ENGINE": listed}).engines
    return replace(settings_for(folder, hang_s=hang_s), engines=named)


async def test_a_new_engine_at_the_head_of_the_list_makes_nothing_run_twice(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(driving(tmp_path, engine)) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await until(lambda: engine.running is not None)
    async with studio_inside(driving(tmp_path, other_engine, engine)) as api:
        await api.wait_engine("ready", 1)
        engine.open_all()
        job = await api.wait(job_id)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
        assert engine.runs == {"fox": 1}
        assert other_engine.runs == {}


async def test_a_sick_engine_fails_no_job_that_another_can_run(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.extend(["500"] * 10_000)
    other_engine.hold("node")
    async with studio_inside(driving(tmp_path, engine, other_engine)) as api:
        await api.wait_engine("ready", 0)
        await api.wait_engine("ready", 1)
        texts = [f"fox {number}" for number in range(12)]
        job_ids = [await api.submit(saved(text)) for text in texts]
        sick = await api.wait_engine("unresponsive", 0)
        other_engine.open_all()
        jobs = await api.wait_all(job_ids)

        assert re.fullmatch(r"refused the last \d+ jobs: it answers 500", sick["reason"])
        assert [job["status"] for job in jobs] == ["succeeded"] * 12
        assert other_engine.runs == dict.fromkeys(texts, 1)


async def test_an_engine_that_refused_three_jobs_says_so_in_ready_and_is_tried_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.extend(["500"] * 9)
    async with studio_inside(driving(tmp_path, engine)) as api:
        await api.wait_ready()
        refused = [await api.wait(await api.submit(saved(f"fox {n}"))) for n in range(3)]
        assert {job["error"]["code"] for job in refused} == {"engine_refused"}
        ready = await api.ready()
        assert ready.status_code == 503
        assert "refused the last 3 jobs: it answers 500" in str(ready.json()["reasons"])

        job = await api.wait(await api.submit(saved("hen")))
        assert job["status"] == "succeeded"
        assert (await api.ready()).status_code == 200


async def test_a_job_is_cancelled_inside_an_engine_that_refuses_others(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    settings = driving(tmp_path, engine)
    async with studio_inside(settings, pace=replace(HASTY, rest_s=60.0)) as api:
        inside = await api.submit(saved("fox"))
        await api.wait(inside, ["running"])
        engine.prompt_faults.extend(["500"] * 9)
        await api.wait_all([await api.submit(saved(f"hen {n}")) for n in range(3)])
        await api.wait_engine("unresponsive")
        engine.lost_cancels = 1
        await api.cancel(inside)
        await until(lambda: engine.cancels.total() >= 2, "the cancel is repeated")
        engine.open_all()
        assert (await api.wait(inside))["status"] == "canceled"


async def test_a_job_that_every_engine_refuses_fails_by_name(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.extend(["500"] * 3)
    other_engine.prompt_faults.extend(["500"] * 3)
    async with studio_inside(driving(tmp_path, engine, other_engine)) as api:
        await api.wait_engine("ready", 0)
        await api.wait_engine("ready", 1)
        job = await api.wait(await api.submit(saved("fox")))

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_refused")
        assert [len(engine.posts), len(other_engine.posts)] == [3, 3]


async def test_a_job_that_waited_for_a_dead_engine_is_refused_by_a_live_one_with_its_reason(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    await engine.die()
    await other_engine.die()
    async with studio_inside(driving(tmp_path, engine, other_engine, hang_s=0.5)) as api:
        graph = saved("fox")
        graph["1"]["class_type"] = "NoSuchNode"
        job_id = await api.submit(graph)
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "invalid_workflow")
        assert "NoSuchNode" in str(job["error"])


async def test_what_an_incompatible_engine_held_runs_elsewhere(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(driving(tmp_path, engine)) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
    await engine.die()
    engine.version = "0.32.0"
    await engine.start()
    async with studio_inside(driving(tmp_path, engine, other_engine)) as api:
        job = await api.wait(job_id)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
        assert other_engine.runs == {"fox": 1}


async def test_what_an_incompatible_engine_held_can_be_cancelled(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(driving(tmp_path, engine)) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
    await engine.die()
    engine.version = "0.32.0"
    await engine.start()
    async with studio_inside(driving(tmp_path, engine)) as api:
        await api.wait_engine("incompatible")
        await api.cancel(job_id)
        assert (await api.wait(job_id))["status"] == "canceled"


@pytest.mark.parametrize("known", [True, False])
async def test_what_an_engine_held_that_cannot_be_started_runs_elsewhere(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path, known: bool
) -> None:
    engine.hold("node")
    before = settings_for(tmp_path, [engine.url])
    mine = replace(before.engines[0], name="comfyui")
    async with studio_inside(replace(before, engines=(mine,))) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
    await engine.die()
    with family() as folk:
        folk.add("comfyui" if known else "another", kind="comfyui")
        folk.children[0]["argv"] = [str(tmp_path / "missing")]
        folk.start()
        [other] = driving(tmp_path, other_engine).engines
        both = (replace(mine, kind="comfyui"), other)
        settings = with_run_dir(replace(before, engines=both), folk.run_dir)
        async with studio_inside(settings) as api:
            job = await api.wait(job_id)

            assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
            assert other_engine.runs == {"fox": 1}
            await api.wait_engine("down", 0)
