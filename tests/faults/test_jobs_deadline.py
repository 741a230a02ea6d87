"""Deadlines: a job that has not started by then never does, wherever it waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until


def soon() -> str:
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat()


async def test_a_job_that_is_ready_inside_an_engine_is_taken_back_at_its_deadline(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        running = await api.submit(saved("running"))
        ready = await api.submit(saved("ready"), deadline_at=soon())
        waiting = await api.submit(saved("waiting"), deadline_at=soon())
        await until(lambda: len(engine.pending) == 1)

        ended = await api.wait_all([ready, waiting])
        engine.open_all()
        done = await api.wait(running)
        await asyncio.sleep(0.2)

        assert [job["status"] for job in ended] == ["expired", "expired"]
        assert {job["error"]["code"] for job in ended} == {"deadline_passed"}
        assert done["status"] == "succeeded"
        assert engine.runs == {"running": 1}


async def test_a_job_that_started_in_time_is_finished_after_its_deadline(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"), deadline_at=soon())
        await api.wait(job_id, ["running"])
        await asyncio.sleep(2.2)
        engine.open_all()
        assert (await api.wait(job_id))["status"] == "succeeded"
