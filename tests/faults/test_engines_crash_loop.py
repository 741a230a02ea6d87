"""An engine that ends as soon as it starts, under a real bootstrap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from tests.contract.harness import find_free_port
from tests.fakes.bootstrap_family import Family, family
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until, with_run_dir


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        made.add("comfyui", "--exit-code", "3", "--print-lines", "7")
        made.start()
        yield made


async def test_an_engine_that_crashes_five_times_is_stopped_with_its_last_words_in_ready(
    folk: Family, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    settings = with_run_dir(settings_for(tmp_path, [url], kind="comfyui"), folk.run_dir)
    async with studio_inside(settings) as api:
        engine = await api.wait_engine("stopped")
        assert engine["crashes"] == 5
        reasons = str((await api.ready()).json()["reasons"])
        assert "comfyui line 6" in reasons
        assert "crashed 5 times" in reasons
        job_id = await api.submit(saved("fox"))
        assert (await api.get(job_id))["status"] == "queued"
        stopped = folk.child("comfyui")["started_at"]
        await asyncio.sleep(0.5)
        assert folk.child("comfyui")["started_at"] == stopped

        await api.client.post("/api/system/engines/comfyui/restart", json={})
        await until(lambda: folk.child("comfyui")["started_at"] != stopped, "it is tried again")
        assert (await api.wait_engine("stopped"))["crashes"] == 5


async def test_crashes_that_lie_far_apart_never_stop_an_engine(
    folk: Family, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    settings = with_run_dir(settings_for(tmp_path, [url], kind="comfyui"), folk.run_dir)
    clock = FrozenClock()
    async with studio_inside(settings, clock=clock) as api:
        starts: set[float] = set()
        for _ in range(8):
            known = set(starts)

            def has_started_again(known: set[float] = known) -> bool:
                return folk.child("comfyui")["started_at"] not in known

            await until(has_started_again)
            starts.add(folk.child("comfyui")["started_at"])
            [engine] = await api.engines()
            assert engine["state"] != "stopped"
            clock.advance(200)
