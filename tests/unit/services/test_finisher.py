"""What is removed after a job, and what is not; how long it took."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock, new_id
from studio.errors import StudioError
from studio.models import Asset, Job, JobError
from studio.services.assets import AssetService
from studio.services.engine import Engine
from studio.services.finisher import Finisher
from studio.services.output_batch import OutputBatch
from studio.services.queue import JobQueue, LiveJob
from studio.services.staging import Staging
from studio.services.usage import Usage
from studio.settings import EngineSetting
from studio.store.disk_speed import DiskSpeed
from studio.store.jobs import JobStore
from tests.unit.services.test_follower import JOB

ASSET = Asset(new_id(), "ann", "blake3:0", 5, "image/png", "fox.png", 0)
STAGED = f"{ASSET.id}.png"
GRAPH = {"1": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}}}
ENGINE = EngineSetting("embedded", "embedded", "http://127.0.0.1:1")


class Assets:
    """One asset with bytes."""

    def __init__(self, source: Path) -> None:
        self._source = source

    async def open_for_job(self, asset_id: str) -> tuple[Asset, Path]:
        return ASSET, self._source


class Jobs:
    """Takes every end."""

    async def finish(self, job: Job, **_: object) -> list[Asset]:
        return []


class Stage:
    """A finisher and a staging beside an engine that shares ``folder``."""

    def __init__(self, folder: Path, *, shared: bool = True) -> None:
        source = folder / "blob"
        source.write_bytes(b"bytes")
        self.folder = folder
        self.engine = Engine(
            setting=ENGINE, client=ComfyClient(ENGINE.url), client_id="us", info={}
        )
        self.staging = Staging(
            assets=cast(AssetService, Assets(source)),
            batch=cast(OutputBatch, None),
            speed=DiskSpeed(),
            engine_dir=folder,
            shared=shared,
        )
        self.clock = FrozenClock()
        self.queue = JobQueue()
        self.durations: list[int | None] = []
        self.usage = Usage(self.clock)
        self.finisher = Finisher(
            queue=self.queue,
            jobs=cast(JobStore, Jobs()),
            staging=self.staging,
            usage=self.usage,
            clock=self.clock,
            retention_days=1,
            on_finish=lambda _job, duration_ms: self.durations.append(duration_ms),
        )

    @property
    def input(self) -> Path:
        return self.folder / "input" / "studio" / STAGED

    def output(self, live: LiveJob) -> Path:
        return self.folder / "output" / "studio" / live.job.id / "fox.png"

    async def sent(self) -> LiveJob:
        """A job that was sent, with its input and an output in the engine's folders."""
        extra = {"inputs": [["1", ["image"], ASSET.id, STAGED]]}
        live = LiveJob(replace(JOB, id=new_id(), attempt=1, extra=extra))
        self.queue.add(live, waiting=False)
        await self.staging.build_prompt(self.engine, live.job, GRAPH)
        self.output(live).parent.mkdir(parents=True)
        self.output(live).write_bytes(b"made")
        return live


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.engine.client.close()


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel", "expire"])
async def test_nothing_of_a_job_stays_with_the_engine_whatever_its_end(
    stage: Stage, end: str
) -> None:
    live = await stage.sent()
    assert stage.input.read_bytes() == b"bytes"
    if end == "fail":
        await stage.finisher.fail(live, JobError("engine_crash", "It died."))
    else:
        await getattr(stage.finisher, end)(live)
    await stage.finisher.stop()
    assert not stage.input.exists()
    assert not stage.output(live).parent.exists()


async def test_an_input_stays_until_the_last_job_that_reads_it_has_ended(stage: Stage) -> None:
    first, second = await stage.sent(), await stage.sent()
    await stage.finisher.succeed(first)
    await stage.finisher.stop()
    assert stage.input.exists()
    assert stage.output(second).exists()
    await stage.finisher.succeed(second)
    await stage.finisher.stop()
    assert not stage.input.exists()


async def test_a_link_in_place_of_a_jobs_folder_does_not_lead_the_clean_up_astray(
    stage: Stage,
) -> None:
    live = await stage.sent()
    precious = stage.folder / "precious"
    stage.output(live).parent.rename(precious)
    stage.output(live).parent.symlink_to(precious)
    await stage.finisher.succeed(live)
    await stage.finisher.stop()
    assert (precious / "fox.png").exists()
    assert not stage.output(live).parent.is_symlink()


async def test_a_start_removes_what_an_earlier_studio_left_and_nothing_else(stage: Stage) -> None:
    kept = await stage.sent()
    left = await stage.sent()
    stage.queue.live.pop(left.job.id)
    outputs, inputs = stage.output(left).parents[1], stage.input.parent
    orphan = inputs / f"{new_id()}.png"
    half = inputs / ".part-abc"
    for file in (orphan, half):
        file.write_bytes(b"left")
    link = outputs / new_id()
    link.symlink_to(stage.folder)
    others = [outputs / "mine" / "a.png", outputs / "a.png", inputs / "a.png", inputs / new_id()]
    others[0].parent.mkdir()
    for file in others[:3]:
        file.write_bytes(b"the user's")
    others[3].mkdir()
    await stage.finisher.sweep()
    assert stage.output(kept).exists()
    assert stage.input.exists()
    assert not stage.output(left).parent.exists()
    assert not orphan.exists()
    assert not half.exists()
    assert all(path.exists() for path in [*others, link])


async def test_without_a_managed_engine_nothing_is_removed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, shared=False)
    live = await stage.sent()
    await stage.finisher.succeed(live)
    await stage.finisher.sweep()
    await stage.finisher.stop()
    await stage.engine.client.close()
    assert stage.output(live).exists()
    assert stage.input.exists()


async def test_an_input_that_cannot_be_placed_is_a_reason_with_a_code(stage: Stage) -> None:
    live = await stage.sent()
    stage.input.unlink()
    stage.input.mkdir()
    (stage.input / "in the way").touch()
    with pytest.raises(StudioError) as refusal:
        await stage.staging.build_prompt(stage.engine, live.job, GRAPH)
    assert refusal.value.code == "storage_unavailable"
    assert os.fspath(stage.folder) not in refusal.value.message


async def test_a_clock_that_jumps_changes_neither_durations_nor_shares(stage: Stage) -> None:
    live = await stage.sent()
    live.update(started_at=stage.clock.now_ms())
    live.started_s = stage.clock.monotonic_s()
    stage.clock.advance(2.5)
    stage.clock.jump_wall(7200)
    await stage.finisher.succeed(live)
    assert stage.durations == [2500]
    assert stage.usage.of("ann") == 2.5
    await stage.finisher.stop()


@pytest.mark.parametrize(("wall_s", "duration_ms"), [(3, 3000), (-3600, 0)])
async def test_a_job_that_started_before_this_process_is_timed_by_the_wall(
    stage: Stage, wall_s: float, duration_ms: int
) -> None:
    live = await stage.sent()
    live.update(started_at=stage.clock.now_ms())
    stage.clock.jump_wall(wall_s)
    await stage.finisher.succeed(live)
    assert stage.durations == [duration_ms]
    await stage.finisher.stop()
