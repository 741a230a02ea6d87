"""More than one engine: edited lists, sick ones beside healthy ones, folders of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.settings import Settings
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until


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
