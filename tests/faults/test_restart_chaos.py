"""Many jobs while Studio and its engine are killed: every one ends, each output once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.faults.chaos import Chaos, chaos, finish, walk
from tests.faults.harness import Process, process


@pytest.fixture
def studio(engine: FakeComfy, tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, engine.url) as made:
        yield made


async def submit_while_killing(
    driver: Chaos, jobs: int, studio_kills: int, engine_kills: int, pause_s: float
) -> None:
    """Submit at an even pace while the kills happen at moments of the seed."""
    kinds = ["studio"] * studio_kills + ["engine"] * engine_kills
    driver.chance.shuffle(kinds)

    async def kill() -> None:
        for kind in kinds:
            await asyncio.sleep(pause_s * (0.5 + driver.chance.random()))
            await (driver.kill_studio() if kind == "studio" else driver.kill_engine())

    async def submit() -> None:
        for number in range(jobs):
            await driver.submit(doubled=number % 3 == 0)
            await asyncio.sleep(pause_s * len(kinds) / jobs)

    await asyncio.gather(kill(), submit())


async def test_thirty_jobs_survive_three_kills(engine: FakeComfy, studio: Process) -> None:
    async with chaos(studio, engine, seed=12) as driver:
        await submit_while_killing(driver, 30, studio_kills=2, engine_kills=1, pause_s=1.5)
        ended = await finish(driver, within_s=60)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 30


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_hundred_jobs_survive_five_kills_of_studio_and_two_of_the_engine(
    engine: FakeComfy, studio: Process, seed: int
) -> None:
    async with chaos(studio, engine, seed=seed) as driver:
        await submit_while_killing(driver, 200, studio_kills=5, engine_kills=2, pause_s=2.0)
        ended = await finish(driver, within_s=180)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 200


@pytest.mark.soak
async def test_a_random_walk_leaves_one_end_per_job_and_nothing_else(
    engine: FakeComfy, studio: Process
) -> None:
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
    minutes = float(os.environ.get("SOAK_MINUTES") or 1)
    async with chaos(studio, engine, seed=seed) as driver:
        await walk(driver, minutes * 60)
        ended = await finish(driver, within_s=180)
        print(f"{len(ended)} jobs, {driver.kills} kills, {driver.deaths} deaths of the engine")
