"""What is removed after a job, and what is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import cast

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock
from studio.models import Asset, Job
from studio.services.assets import AssetService
from studio.services.engine import Engine
from studio.services.finisher import Finisher
from studio.services.output_batch import OutputBatch
from studio.services.queue import JobQueue, LiveJob
from studio.services.staging import Staging
from studio.services.usage import Usage
from studio.settings import EngineSetting
from studio.store.jobs import JobStore
from tests.unit.services.test_follower import JOB

ASSET = Asset("asset", "ann", "blake3:0", 5, "image/png", "fox.png", 0)
WITH_INPUT = replace(JOB, extra={"inputs": [["1", ["image"], "asset", "asset.png"]]})


class Assets:
    """One asset with bytes."""

    def __init__(self, source: Path) -> None:
        self._source = source

    async def open_for_job(self, asset_id: str) -> tuple[Asset, Path]:
        return ASSET, self._source


class Jobs:
    """Answers that nobody needs the input, when it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def finish(self, job: Job, **_: object) -> list[Asset]:
        return []

    async def unneeded_inputs(self, job_id: str) -> list[str]:
        self.asked.set()
        await self.answer.wait()
        return ["asset"]


GRAPH = {"1": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}}}


def made(tmp_path: Path, jobs: Jobs) -> tuple[Finisher, Staging, Engine]:
    """A finisher beside an engine whose folders are in ``tmp_path``."""
    source = tmp_path / "blob"
    source.write_bytes(b"bytes")
    setting = EngineSetting("embedded", "embedded", "http://127.0.0.1:1")
    engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us", info={})
    staging = Staging(
        assets=cast(AssetService, Assets(source)),
        batch=cast(OutputBatch, None),
        engine_dir=tmp_path,
    )
    clock = FrozenClock()
    finisher = Finisher(
        queue=JobQueue(),
        jobs=cast(JobStore, jobs),
        staging=staging,
        usage=Usage(clock),
        clock=clock,
        retention_days=1,
        on_finish=lambda _status, _duration_ms: None,
    )
    return finisher, staging, engine


async def test_an_input_that_a_new_job_needs_is_there_after_an_old_one_was_cleaned_up(
    tmp_path: Path,
) -> None:
    jobs = Jobs()
    finisher, staging, engine = made(tmp_path, jobs)
    await staging.build_prompt(engine, WITH_INPUT, GRAPH)
    placed = tmp_path / "input" / "studio" / "asset.png"
    assert placed.read_bytes() == b"bytes"
    await finisher.succeed(LiveJob(WITH_INPUT), engine)
    await jobs.asked.wait()
    newcomer = asyncio.create_task(
        staging.build_prompt(engine, replace(WITH_INPUT, id="new"), GRAPH)
    )
    await asyncio.sleep(0.05)
    jobs.answer.set()
    await newcomer
    await asyncio.sleep(0.2)
    assert placed.read_bytes() == b"bytes"

    await finisher.stop()
    await engine.client.close()


async def test_a_clean_up_that_is_cut_short_by_the_end_is_done_all_the_same(
    tmp_path: Path,
) -> None:
    jobs = Jobs()
    finisher, staging, engine = made(tmp_path, jobs)
    placed = tmp_path / "input" / "studio" / "asset.png"
    await staging.build_prompt(engine, WITH_INPUT, GRAPH)
    await finisher.succeed(LiveJob(WITH_INPUT), engine)
    await jobs.asked.wait()
    stopping = asyncio.create_task(finisher.stop())
    await asyncio.sleep(0.05)
    jobs.answer.set()
    await stopping
    await engine.client.close()

    assert not placed.exists()
