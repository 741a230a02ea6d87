"""A job that shows no progress for too long is interrupted and failed by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until


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
