"""Many jobs while Studio and its engine are killed: every one ends, each output once."""

from __future__ import annotations

import asyncio
import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.faults.chaos import Chaos, chaos, finish, submit_while_killing, walk
from tests.faults.chaos_rigs import ENDED_BY_FULL_DISK, fake_rig, family_rig
from tests.faults.harness import Process, process

_MINUTES = float(os.environ.get("SOAK_MINUTES") or 1)


@pytest.fixture
def studio(engine: FakeComfy, tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, engine.url) as made:
        yield made


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, "embedded", bootstrap=True, COMFYUI_PORT="0") as made:
        yield made


@pytest.fixture
def comfyui_family(tmp_path: Path) -> Iterator[Process]:
    source = os.environ.get("COMFYUI_DIR")
    if not source:
        pytest.skip("COMFYUI_DIR names no ComfyUI")
    with process(
        tmp_path,
        "comfyui",
        bootstrap=True,
        COMFYUI_PORT="0",
        COMFYUI_DIR=source,
        COMFYUI_PYTHON=os.environ.get("COMFYUI_PYTHON") or "python3",
        COMFYUI_FLAGS="--cpu --disable-all-custom-nodes --disable-api-nodes",
    ) as made:
        yield made


async def test_thirty_jobs_survive_three_kills(engine: FakeComfy, studio: Process) -> None:
    async with fake_rig(studio, engine) as rig, chaos(rig, seed=12) as driver:
        await submit_while_killing(driver, 30, studio_kills=2, engine_kills=1, pause_s=1.5)
        ended = await finish(driver, within_s=60)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 30


async def test_thirty_jobs_of_a_managed_engine_survive_two_kills(family: Process) -> None:
    async with family_rig(family) as rig, chaos(rig, seed=12) as driver:
        await submit_while_killing(driver, 30, studio_kills=1, engine_kills=1, pause_s=1.5)
        ended = await finish(driver, within_s=60)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 30


async def test_a_studio_that_starts_on_a_full_disk_ends_and_the_next_one_does_the_job(
    engine: FakeComfy, studio: Process
) -> None:
    async with fake_rig(studio, engine) as rig, chaos(rig, seed=12) as driver:
        await asyncio.to_thread(studio.terminate)
        driver.full_disks += 1
        studio.start(before=_no_file_grows)
        assert studio.child is not None
        assert await asyncio.to_thread(studio.child.wait, 20) in ENDED_BY_FULL_DISK

        await driver.submit()
        [job] = (await finish(driver, within_s=60)).values()

        assert job["status"] == "succeeded"


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_hundred_jobs_survive_five_kills_of_studio_and_two_of_the_engine(
    engine: FakeComfy, studio: Process, seed: int
) -> None:
    async with fake_rig(studio, engine) as rig, chaos(rig, seed=seed) as driver:
        await submit_while_killing(driver, 200, studio_kills=5, engine_kills=2, pause_s=2.0)
        ended = await finish(driver, within_s=180)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 200


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_two_hundred_jobs_of_a_managed_engine_survive_seven_kills(
    family: Process, seed: int
) -> None:
    async with family_rig(family) as rig, chaos(rig, seed=seed) as driver:
        await submit_while_killing(driver, 200, studio_kills=5, engine_kills=2, pause_s=4.0)
        ended = await finish(driver, within_s=300)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 200


@pytest.mark.soak
async def test_two_hundred_jobs_of_comfyui_survive_seven_kills(comfyui_family: Process) -> None:
    async with family_rig(comfyui_family) as rig, chaos(rig, seed=1) as driver:
        await submit_while_killing(driver, 200, studio_kills=5, engine_kills=2, pause_s=6.0)
        ended = await finish(driver, within_s=600)

        assert [job["status"] for job in ended.values()] == ["succeeded"] * 200


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param(1.0, id="one-minute"),
        pytest.param(_MINUTES, id="as-long-as-told", marks=pytest.mark.soak),
    ],
)
async def test_a_random_walk_leaves_one_end_per_job_and_nothing_else(
    engine: FakeComfy, studio: Process, minutes: float
) -> None:
    async with fake_rig(studio, engine) as rig, chaos(rig, seed=_seed()) as driver:
        await _walked(driver, minutes)


@pytest.mark.soak
async def test_a_random_walk_with_a_managed_engine_leaves_nothing_else(family: Process) -> None:
    async with family_rig(family, size=256) as rig, chaos(rig, seed=_seed()) as driver:
        await _walked(driver, _MINUTES)


def _no_file_grows() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def _seed() -> int:
    return int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))


async def _walked(driver: Chaos, minutes: float) -> None:
    await walk(driver, minutes * 60)
    ended = await finish(driver, within_s=180)
    assert ended, "the walk submitted nothing"
    print(
        f"{len(ended)} jobs, {driver.kills} kills, {driver.deaths} deaths of the engine, "
        f"{driver.cuts} cuts, {driver.full_disks} full disks; "
        f"{Counter(job['status'] for job in ended.values())}"
    )
