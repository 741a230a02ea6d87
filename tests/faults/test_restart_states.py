"""kill -9 of a real Studio in every state of a job: one end, outputs once, nothing run twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import paid, png, saved, twice
from tests.faults.harness import Process, process, settings_for, studio_inside, until


@pytest.fixture
def studio(engine: FakeComfy, tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, engine.url) as made:
        yield made


def assert_files_match(studio: Process) -> None:
    """The database is whole, and blobs and rows are the same."""
    with closing(sqlite3.connect(studio.studio_dir / "db" / "studio.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT job_id, node_id, output_index FROM assets").fetchall()
        assert len(set(rows)) == len(rows)
        known = connection.execute("SELECT hash FROM assets").fetchall()
        hashes = {row[0].removeprefix("blake3:") for row in known}
    files = {path.name for path in (studio.studio_dir / "assets").rglob("*") if path.is_file()}
    assert files == hashes


async def reach(engine: FakeComfy, stage: str) -> None:
    await until(lambda: engine.arrived[stage], f"somebody is at {stage}")


@pytest.mark.parametrize("stage", ["accept", "reply", "start", "node", "history", "view"])
async def test_a_job_survives_a_kill_at_every_stage(
    engine: FakeComfy, studio: Process, stage: str
) -> None:
    engine.hold(stage)
    studio.start()
    async with studio.api() as api:
        jobs = [await api.submit(twice(f"fox {n}")) for n in range(4)]
        await reach(engine, stage)
        await asyncio.sleep(0.4)
        studio.kill()
    if stage in ("accept", "reply", "view"):
        engine.open_all()
    studio.start()
    async with studio.api() as api:
        engine.open_all()
        done = await api.wait_all(jobs)

        assert [job["status"] for job in done] == ["succeeded"] * 4
        for number, job in enumerate(done):
            assert [output["node_id"] for output in job["outputs"]] == ["2", "3"]
            assert await api.content(job["outputs"][0]) == png(f"fox {number}")
            assert job["engine_deaths"] == 0
        assert engine.runs == {f"fox {n}": 1 for n in range(4)}
    assert studio.terminate() == 0
    assert_files_match(studio)


async def test_a_kill_while_one_of_two_outputs_is_read_publishes_both_once(
    engine: FakeComfy, studio: Process
) -> None:
    engine.slow_view_s = 0.5
    studio.start()
    async with studio.api() as api:
        job_id = await api.submit(twice("fox"))
        await until(lambda: engine.arrived["view"] == 2, "the second file is read")
        studio.kill()
    studio.start()
    async with studio.api() as api:
        job = await api.wait(job_id)
        assert (job["status"], len(job["outputs"])) == ("succeeded", 2)
        assert engine.runs == {"fox": 1}
    assert studio.terminate() == 0
    assert_files_match(studio)


async def test_a_cancel_survives_a_kill(engine: FakeComfy, studio: Process) -> None:
    engine.hold("node")
    engine.lost_cancels = 1
    studio.start()
    async with studio.api() as api:
        running = await api.submit(saved("running"))
        pending = await api.submit(saved("pending"))
        waiting = await api.submit(saved("waiting"))
        await api.wait(running, ["running"])
        for job_id in (running, pending, waiting):
            await api.cancel(job_id)
        studio.kill()
    studio.start()
    async with studio.api() as api:
        await until(lambda: engine.cancels.total() >= 3)
        engine.open_all()
        jobs = await api.wait_all([running, pending, waiting])

        assert [job["status"] for job in jobs] == ["canceled"] * 3
        assert engine.runs == {"running": 1}


async def test_a_paid_job_whose_engine_died_with_studio_is_not_run_again(
    engine: FakeComfy, studio: Process
) -> None:
    engine.hold("node")
    studio.start()
    async with studio.api() as api:
        gold = await api.submit(paid("gold"))
        await api.wait(gold, ["running"])
        await asyncio.sleep(0.3)
        studio.kill()
    await engine.die()
    engine.open_all()
    await engine.start()
    studio.start()
    async with studio.api() as api:
        job = await api.wait(gold)

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
        assert engine.runs == {"gold": 1}


async def test_a_job_that_only_waited_in_an_engine_that_died_with_studio_is_sent_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    engine.hold("node")
    async with studio_inside(settings) as api:
        ahead = await api.submit(saved("ahead"))
        behind = await api.submit(saved("behind"))
        await until(lambda: len(engine.pending) == 1)
    await engine.die()
    engine.open_all()
    await engine.start()
    async with studio_inside(settings) as api:
        jobs = await api.wait_all([ahead, behind])

        assert [job["status"] for job in jobs] == ["succeeded"] * 2
        assert jobs[1]["engine_deaths"] == 0
        assert engine.finished == {"ahead": 1, "behind": 1}


async def test_a_job_that_executed_when_both_died_runs_again_and_the_death_counts(
    engine: FakeComfy, studio: Process
) -> None:
    engine.hold("node")
    studio.start()
    async with studio.api() as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await asyncio.sleep(0.6)
        studio.kill()
    await engine.die()
    engine.open_all()
    await engine.start()
    studio.start()
    async with studio.api() as api:
        job = await api.wait(job_id)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 1)
        assert engine.runs == {"fox": 2}


def copy_job(database: Path, job_id: str, times: int) -> None:
    """Let many more such jobs wait."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TEMP TABLE one AS SELECT * FROM jobs WHERE id = ?", (job_id,))
        for _ in range(times):
            connection.execute("UPDATE one SET seq = NULL, id = lower(hex(randomblob(18)))")
            connection.execute("INSERT INTO jobs SELECT * FROM one")
        connection.commit()


async def test_prompts_of_an_earlier_studio_are_no_strays_however_many_jobs_wait(
    engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    engine.hold("node")
    async with studio_inside(settings) as api:
        jobs = [await api.submit(saved(f"fox {n}")) for n in range(2)]
        await until(lambda: len(engine.posts) == 2)
        await api.client.post("/api/queue/pause")
        waiting = await api.submit(saved("waiting"))
    copy_job(settings.database_path, waiting, 3000)
    async with studio_inside(settings) as api:
        await api.wait_ready()
        await asyncio.sleep(0.3)
        assert engine.cancels.total() == 0
        engine.open_all()
        done = await api.wait_all(jobs)

        assert [job["status"] for job in done] == ["succeeded"] * 2
        assert engine.runs == {"fox 0": 1, "fox 1": 1}
