"""A job that shows no progress for too long is interrupted and failed by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.fakes.bootstrap_family import family
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until, with_run_dir


async def test_a_job_that_does_not_move_is_interrupted_and_says_that_it_was_stuck(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    settings = replace(settings_for(tmp_path, [engine.url]), job_stuck_s=1)
    async with studio_inside(settings) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: bool(engine.interrupted))
        engine.release("node")
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "job_stuck")
        assert engine.runs == {"fox": 1}


async def test_without_a_limit_a_job_may_take_as_long_as_it_likes(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    settings = replace(settings_for(tmp_path, [engine.url]), job_stuck_s=0)
    async with studio_inside(settings) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.arrived["node"] == 1)
        engine.release("node")
        assert (await api.wait(job_id))["status"] == "succeeded"
        assert not engine.interrupted


async def test_a_cancelled_job_that_its_engine_does_not_let_go_of_has_the_engine_restarted(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    with family() as folk:
        folk.add("comfyui")
        folk.start()
        settings = with_run_dir(settings_for(tmp_path, [engine.url], kind="comfyui"), folk.run_dir)
        async with studio_inside(replace(settings, job_stuck_s=1)) as api:
            job_id = await api.submit(saved("fox"))
            await api.wait(job_id, ["running"])
            await api.client.post(f"/api/jobs/{job_id}/cancel")
            await until(lambda: folk.child("comfyui")["exit"] is not None, "it is restarted")
            # What answered was no part of the process that has ended.
            await engine.die()
            await engine.start()
            job = await api.wait(job_id)

            assert job["status"] == "canceled"
            assert not engine.finished
            await api.wait_ready()
