"""Volumes that are full, read-only or taken, under a Studio with jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import Made, png, saved
from tests.fakes.volumes import mounted
from tests.faults.harness import (
    Api,
    Process,
    process,
    settings_for,
    studio_inside,
    until,
    until_it,
)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of eight megabytes."""
    folder = tmp_path / "volume"
    folder.mkdir()
    with mounted(folder, "size=8m", lazily=True) as volume:
        yield volume


def fill(volume: Path) -> Path:
    """Take all room of the volume, however much of it Studio takes meanwhile."""
    ballast = volume / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


async def run_one(api: Api, text: str) -> dict[str, Any]:
    return await api.wait(await api.submit(saved(text)))


async def test_a_volume_that_is_too_small_for_an_output_fails_the_job_as_disk_full(
    engine: FakeComfy, tmp_path: Path, volume: Path
) -> None:
    engine.hold("history")
    engine.deaf = True
    async with studio_inside(settings_for(volume, [engine.url])) as api:
        job_id = await api.submit(saved("big"))
        await until(lambda: engine.arrived["history"])
        for file in engine.files:
            engine.files[file] = Made(png("big") + bytes(12 << 20), 1)
        engine.open_all()
        job = await api.wait(job_id)
        assert (job["status"], job["error"]["code"]) == ("failed", "disk_full")
        assert job["outputs"] == []
        assert (await api.client.get("/health")).status_code == 200

        assert (await run_one(api, "small"))["status"] == "succeeded"
    assert list((volume / "studio" / "assets").rglob("*.part")) == []


async def test_a_full_volume_is_survived_and_work_goes_on_when_there_is_room(
    engine: FakeComfy, volume: Path
) -> None:
    async with studio_inside(settings_for(volume, [engine.url])) as api:
        assert (await run_one(api, "before"))["status"] == "succeeded"
        engine.hold("history")
        job_id = await api.submit(saved("during"))
        await until(lambda: engine.arrived["history"] == 2)
        ballast = fill(volume)
        engine.open_all()
        refused = 0
        for number in range(200):
            answer = await api.client.post("/api/jobs", json={"workflow": saved(f"more {number}")})
            if answer.status_code != 201:
                refused += 1
                assert answer.json()["error"]["code"] in ("disk_full", "storage_unavailable")
                break
        assert refused == 1
        assert (await api.client.get("/api/v2/jobs")).status_code == 200
        assert (await api.client.get("/health")).status_code == 200
        await asyncio.sleep(0.5)
        ballast.unlink()
        job = await api.wait(job_id)
        assert job["status"] in ("succeeded", "failed")
        if job["status"] == "failed":
            assert job["error"]["code"] == "disk_full"

        async def submit_again() -> str:
            while True:
                answer = await api.client.post("/api/jobs", json={"workflow": saved("after")})
                if answer.status_code == 201:
                    made: str = answer.json()["id"]
                    return made
                await asyncio.sleep(0.1)

        after = await asyncio.wait_for(submit_again(), 20)
        assert (await api.wait(after))["status"] == "succeeded"
        listed = (await api.client.get("/api/v2/jobs", params={"limit": 500})).json()["jobs"]
        done = await api.wait_all(job["id"] for job in listed)
        assert {job["status"] for job in done} <= {"succeeded", "failed"}
        assert max(engine.runs.values()) == 1


async def test_jobs_end_with_a_reason_while_the_folder_of_outputs_is_read_only(
    engine: FakeComfy, volume: Path
) -> None:
    async with studio_inside(settings_for(volume, [engine.url])) as api:
        assert (await run_one(api, "before"))["status"] == "succeeded"
        with mounted(volume / "studio" / "assets", "ro", lazily=True):
            job = await run_one(api, "during")
            assert (await api.client.get("/health")).status_code == 200
        after = await run_one(api, "after")

        assert job["status"] == "failed"
        assert job["error"]["code"] == "storage_unavailable"
        assert after["status"] == "succeeded"


async def test_a_move_that_a_full_volume_refuses_leaves_the_job_in_its_place(
    engine: FakeComfy, volume: Path
) -> None:
    async with studio_inside(settings_for(volume, [engine.url])) as api:
        await api.client.post("/api/queue/pause")
        first, second = await api.submit(saved("first")), await api.submit(saved("second"))
        move = f"/api/jobs/{second}/move"
        ballast = fill(volume)
        for number in range(200):
            answer = await api.client.post("/api/jobs", json={"workflow": saved(f"more {number}")})
            if answer.status_code != 201:
                break
        moving = api.client.post(move, json={"before": first})
        refused = await asyncio.wait_for(moving, 20)
        assert refused.json()["error"]["code"] in ("disk_full", "storage_unavailable")
        places = [(await api.get(job_id))["queue_position"] for job_id in (first, second)]
        assert places == [1, 2]
        ballast.unlink()

        async def moved() -> bool:
            answer = await api.client.post(move, json={"before": first})
            return answer.status_code == 200

        await until_it(moved, "the job is moved when there is room")
        places = [(await api.get(job_id))["queue_position"] for job_id in (first, second)]
        assert places == [2, 1]


async def test_a_full_engine_folder_fails_the_job_that_has_inputs_as_disk_full(
    engine: FakeComfy, tmp_path: Path, volume: Path
) -> None:
    settings = replace(
        settings_for(tmp_path, [engine.url], kind="embedded"), engine_dir=volume / "engine"
    )
    async with studio_inside(settings) as api:
        await api.wait_ready()
        answer = await api.client.post(
            "/api/v2/assets",
            files={"file": ("mask.png", png("mask") + bytes(1 << 20), "image/png")},
            data={"file_path": "mask.png", "content_type": "image/png"},
        )
        assert answer.status_code in (200, 201), answer.text
        graph = saved("fox")
        graph["1"] = {"class_type": "Brush", "inputs": {"text": "fox", "mask": "mask.png"}}
        ballast = fill(volume)
        job = await api.wait(await api.submit(graph))
        assert (job["status"], job["error"]["code"]) == ("failed", "disk_full")
        ballast.unlink()
        assert (await api.wait(await api.submit(graph)))["status"] == "succeeded"
    assert [path for path in (volume / "engine").rglob("*") if path.is_file()] == []


@pytest.fixture
def pair(engine: FakeComfy, tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    with process(tmp_path, engine.url) as first, process(tmp_path, engine.url) as second:
        yield first, second


async def test_a_second_studio_explains_itself_and_takes_over_when_the_first_is_gone(
    engine: FakeComfy, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    engine.hold("node")
    first.start()
    async with first.api() as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
    second.start()
    async with second.api(503) as waiting:
        ready = await waiting.ready()
        assert "in use by Studio on" in ready.text
        assert (await waiting.client.get("/api/v2/jobs")).status_code == 503
        assert (await waiting.client.get("/health")).status_code == 200
        first.kill()
    engine.open_all()
    async with second.api() as api:
        job = await api.wait(job_id)

        assert (job["status"], len(job["outputs"])) == ("succeeded", 1)
        assert engine.runs == {"fox": 1}


async def test_a_studio_told_to_take_over_does_and_the_first_stops_writing(
    engine: FakeComfy, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    engine.hold("node")
    first.start()
    async with first.api() as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await asyncio.sleep(0.5)
    second.start("--take-over")
    async with second.api() as api:
        assert first.child is not None
        await until(lambda: first.child is not None and first.child.poll() is not None)
        assert first.child.returncode == 1
        engine.open_all()
        job = await api.wait(job_id)

        assert (job["status"], len(job["outputs"])) == ("succeeded", 1)
        assert engine.runs == {"fox": 1}
