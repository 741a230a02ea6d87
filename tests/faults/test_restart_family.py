"""Studio and the embedded engine under bootstrap.py: what survives whose end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import text_to_image
from tests.fakes.bootstrap_family import is_alive
from tests.faults.family import engine_url, members
from tests.faults.harness import KEY, Process, process, until


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, "embedded", bootstrap=True, COMFYUI_PORT="0") as made:
        yield made


def picture(seed: int, steps: int = 4) -> dict[str, Any]:
    return text_to_image(f"fox {seed}", seed=seed, steps=steps)


def executions(url: str) -> Counter[str]:
    """How often the engine executed each job in its present life."""
    counts: Counter[str] = Counter()
    for entry in httpx.get(f"{url}/history").json().values():
        for node in entry["prompt"][2].values():
            if "filename_prefix" in node["inputs"]:
                counts[node["inputs"]["filename_prefix"].split("/")[1]] += 1
    return counts


async def test_a_kill_of_studio_alone_leaves_the_engine_and_its_job_at_work(
    family: Process,
) -> None:
    family.start()
    async with family.api() as api:
        before = members(family)
        long = await api.submit(picture(1, steps=60))
        behind = [await api.submit(picture(seed)) for seed in range(2, 5)]
        await api.wait(long, ["running"])
        os.kill(before["studio"], signal.SIGKILL)
    await until(lambda: members(family).get("studio") not in (None, before["studio"]))
    async with family.api() as api:
        jobs = await api.wait_all([long, *behind])

        assert {job["status"] for job in jobs} == {"succeeded"}
        assert {len(job["outputs"]) for job in jobs} == {1}
        assert members(family)["engine"] == before["engine"]
        counts = executions(engine_url(family))
        assert counts == dict.fromkeys([long, *behind], 1)
        assert {job["engine_deaths"] for job in jobs} == {0}


async def test_a_kill_of_the_engine_costs_a_run_but_no_job(family: Process) -> None:
    family.start()
    async with family.api() as api:
        before = members(family)
        long = await api.submit(picture(1, steps=60))
        behind = [await api.submit(picture(seed)) for seed in range(2, 4)]
        await api.wait(long, ["running"])
        os.kill(before["engine"], signal.SIGKILL)
        jobs = await api.wait_all([long, *behind])

        assert [job["status"] for job in jobs] == ["succeeded"] * 3
        assert [len(job["outputs"]) for job in jobs] == [1] * 3
        assert [job["engine_deaths"] for job in jobs] == [1, 0, 0]
        [engine] = await api.engines()
        assert engine["crashes"] == 1


async def test_a_deliberate_restart_counts_against_nobody(family: Process) -> None:
    family.start()
    async with family.api() as api:
        long = await api.submit(picture(1, steps=60))
        await api.wait(long, ["running"])
        answer = await api.client.post("/api/system/engines/embedded/restart", json={})
        assert answer.status_code == 202
        job = await api.wait(long)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
        [engine] = await api.engines()
        assert (engine["crashes"], engine["state"]) == (0, "ready")


async def test_sigterm_with_work_in_flight_ends_everything_and_the_jobs_go_on_later(
    family: Process,
) -> None:
    family.start()
    async with family.api() as api:
        jobs = [await api.submit(picture(seed, steps=30)) for seed in range(5)]
        await api.wait(jobs[0], ["running", "succeeded"])
        pids = members(family)
        stream = asyncio.create_task(read_events(family, jobs[4]))
        await asyncio.sleep(0.2)
        started_s = time.monotonic()
        assert await asyncio.to_thread(family.terminate, 10.0) == 0
        assert time.monotonic() - started_s < 10
        await stream
    assert [pid for pid in pids.values() if is_alive(pid)] == []
    assert list(family.run_dir.glob("*.sock")) == []
    family.start()
    async with family.api() as api:
        done = await api.wait_all(jobs)

        assert {job["status"] for job in done} == {"succeeded"}
        assert {len(job["outputs"]) for job in done} == {1}


async def test_ends_of_everything_that_somebody_asked_for_count_against_no_job(
    family: Process,
) -> None:
    family.start()
    async with family.api() as api:
        long = await api.submit(picture(1, steps=200))
    for _ in range(3):
        async with family.api() as api:
            await api.wait(long, ["running"])
            # Its start has to be stored by then.
            await asyncio.sleep(0.6)
            assert (await api.get(long))["status"] == "running"
        assert await asyncio.to_thread(family.terminate, 10.0) == 0
        family.start()
    async with family.api() as api:
        job = await api.wait(long)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
        assert job["attempts"] == 4


async def read_events(family: Process, job_id: str) -> None:
    """Follow a job until the server goes, as a browser would."""
    headers = {"Authorization": f"Bearer {KEY}"}
    path = f"{family.url}/api/v2/jobs/{job_id}/events"
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        try:
            async with client.stream("GET", path) as answer:
                async for _ in answer.aiter_bytes():
                    pass
        except httpx.TransportError:
            return


async def test_an_engine_stopped_on_purpose_stays_so_until_it_is_started_and_its_job_waits(
    family: Process,
) -> None:
    family.start()
    async with family.api() as api:
        await api.wait_engine("ready")
        answer = await api.client.post("/api/system/engines/embedded/stop", json={})
        assert answer.json() == {"stopped": "embedded"}
        stopped = await api.wait_engine("stopped")
        assert (stopped["reason"], stopped["crashes"]) == ("stopped on purpose", 0)
        job_id = await api.submit(picture(1))
        answer = await api.client.post("/api/system/engines/embedded/start", json={})
        assert answer.status_code == 202
        assert (await api.wait(job_id))["status"] == "succeeded"
