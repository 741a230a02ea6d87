"""The warm-up: once in each life of an engine, whatever happens to Studio meanwhile."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.settings import Settings
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside, until, until_it

# Longer than the time between two looks of the warm-up at the engines.
LOOKED_S = 1.3


def warming(folder: Path, *engines: FakeComfy) -> Settings:
    workflow = folder / "warm.json"
    workflow.write_text(json.dumps(saved("warm")))
    settings = settings_for(folder, [engine.url for engine in engines])
    return replace(settings, warmup_workflow=workflow)


async def warm_ups(api: Api) -> list[dict[str, Any]]:
    jobs = (await api.client.get("/api/jobs")).json()["jobs"]
    return [job for job in jobs if job["origin"] == "warmup"]


async def queue_two_warm_ups(folder: Path, *engines: FakeComfy) -> None:
    """End a Studio whose paused queue holds one for each engine."""
    async with studio_inside(settings_for(folder)) as api:
        await api.client.post("/api/queue/pause")
    async with studio_inside(warming(folder, *engines)) as api:

        async def both_wait() -> bool:
            return len(await warm_ups(api)) == 2

        await until_it(both_wait, "both warm-ups wait")


async def test_a_restart_of_studio_warms_no_engine_up_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(warming(tmp_path, engine)) as api:
        await until(lambda: engine.finished["warm"] == 1)
        [job] = await warm_ups(api)
        await api.wait(job["id"])
    async with studio_inside(warming(tmp_path, engine)) as api:
        await api.wait_ready()
        await asyncio.sleep(LOOKED_S)
        assert len(await warm_ups(api)) == 1
    await engine.die()
    await engine.start()
    async with studio_inside(warming(tmp_path, engine)):
        await until(lambda: engine.finished["warm"] == 2, "another life has its own")


async def test_a_restart_in_the_middle_of_a_warm_up_begins_no_second_one(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(warming(tmp_path, engine)) as api:
        await until(lambda: engine.running is not None)
    async with studio_inside(warming(tmp_path, engine)) as api:
        await api.wait_ready()
        await asyncio.sleep(LOOKED_S)
        [job] = await warm_ups(api)
        engine.open_all()
        assert (await api.wait(job["id"]))["status"] == "succeeded"
        assert engine.runs == {"warm": 1}


async def test_a_warm_up_stays_bound_to_its_engine_over_a_restart(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    await queue_two_warm_ups(tmp_path, engine, other_engine)
    runs = engine.runs.total() + other_engine.runs.total()
    await other_engine.die()
    async with studio_inside(warming(tmp_path, engine, other_engine)) as api:
        await api.client.post("/api/queue/resume")
        await until(lambda: engine.finished["warm"] == 1)
        await asyncio.sleep(0.3)
        waiting = [job for job in await warm_ups(api) if job["status"] == "queued"]
        assert [len(waiting), runs, engine.runs["warm"]] == [1, 0, 1]
        await other_engine.start()
        assert (await api.wait(waiting[0]["id"]))["status"] == "succeeded"
        assert other_engine.runs == {"warm": 1}


async def test_a_warm_up_whose_engine_is_not_configured_any_more_ends_with_that_reason(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path
) -> None:
    await queue_two_warm_ups(tmp_path, engine, other_engine)
    async with studio_inside(warming(tmp_path, engine)) as api:
        await api.client.post("/api/queue/resume")
        jobs = [await api.wait(job["id"]) for job in await warm_ups(api)]
        assert sorted(job["status"] for job in jobs) == ["failed", "succeeded"]
        [failed] = [job for job in jobs if job["status"] == "failed"]
        assert "no longer configured" in failed["error"]["message"]
