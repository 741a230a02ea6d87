"""Between Studio and ``POST /prompt``: replies that are lost, refused, late or odd."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import png, saved
from tests.faults.harness import settings_for, studio_inside, until


async def test_a_job_is_sent_once_and_its_picture_is_published(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        [output] = job["outputs"]
        assert await api.content(output) == png("fox")
        assert engine.runs == {"fox": 1}


async def test_a_reply_lost_after_acceptance_runs_nothing_twice(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("lose-after")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}
        assert len(engine.posts) == 1


async def test_a_reply_lost_while_the_engine_is_busy_runs_nothing_twice(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("node")
    engine.prompt_faults.extend(["ok", "lose-after"])
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        first = await api.submit(saved("first"))
        await until(lambda: engine.arrived["node"])
        second = await api.submit(saved("second"))
        await until(lambda: len(engine.posts) == 2)
        await asyncio.sleep(1.0)
        engine.open_all()
        jobs = await api.wait_all([first, second])

        assert [job["status"] for job in jobs] == ["succeeded"] * 2
        assert engine.runs == {"first": 1, "second": 1}
        assert len(engine.posts) == 2


async def test_a_request_lost_before_acceptance_is_sent_once_more(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("lose-before")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}
        assert len(engine.posts) == 2
        assert engine.posts[0]["prompt_id"] != engine.posts[1]["prompt_id"]
        assert job["attempts"] == 2


async def test_an_answer_that_cannot_be_read_counts_as_a_lost_one(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("garbage")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}
        assert len(engine.posts) == 1


async def test_a_prompt_that_arrives_after_it_was_given_up_for_lost_is_cancelled(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("lose-before")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: len(engine.posts) == 2)
        await api.wait(job_id)
        late = engine.posts[0]
        engine.hold("node")
        engine.put(
            {**late["prompt"], "1": saved("late")["1"]}, late["prompt_id"], late["client_id"]
        )
        await until(lambda: engine.cancels[late["prompt_id"]])
        engine.open_all()
        await until(lambda: late["prompt_id"] in engine.history)

        assert engine.runs == {"fox": 1, "late": 1}
        assert engine.finished["late"] == 0
        assert (await api.get(job_id))["status"] == "succeeded"


async def test_an_engine_that_answers_500_three_times_fails_the_job_by_name(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.extend(["500"] * 3)
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))
        after = await api.wait(await api.submit(saved("hen")))

        assert (job["status"], job["error"]["code"]) == ("failed", "engine_refused")
        assert after["status"] == "succeeded"


async def test_an_engine_that_answers_500_once_gets_the_job_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("500")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}


async def test_a_prompt_accepted_in_part_is_withdrawn_and_the_job_is_invalid(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("start")
    engine.prompt_faults.append("partial")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert (job["status"], job["error"]["code"]) == ("failed", "invalid_workflow")
        assert "9" in job["error"]["details"]["node_errors"]
        assert engine.pending == []
        engine.open_all()
        assert (await api.wait(await api.submit(saved("hen"))))["status"] == "succeeded"
        assert engine.runs == {"hen": 1}


async def test_a_graph_that_the_engine_refuses_fails_with_its_reason(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.prompt_faults.append("400")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert (job["status"], job["error"]["code"]) == ("failed", "invalid_workflow")
        assert "Prompt has no outputs" in job["error"]["message"]


async def test_jobs_wait_for_an_engine_that_refuses_connections(
    engine: FakeComfy, tmp_path: Path
) -> None:
    await engine.die()
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        ready = await api.ready()
        while "starting" in str(ready.json()["reasons"]):
            await asyncio.sleep(0.01)
            ready = await api.ready()
        assert ready.status_code == 503
        assert "not reachable" in str(ready.json()["reasons"])
        assert (await api.get(job_id))["status"] == "queued"

        await engine.start()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}


async def test_an_engine_older_than_0_33_is_refused_with_its_version(tmp_path: Path) -> None:
    old = FakeComfy(version="0.32.9")
    await old.start()
    try:
        async with studio_inside(settings_for(tmp_path, [old.url])) as api:
            engine = await api.wait_engine("incompatible")
            assert "0.32.9" in engine["reason"]
            assert "0.32.9" in str((await api.ready()).json()["reasons"])
            await api.submit(saved("fox"))
            assert old.posts == []
    finally:
        await old.stop()


@pytest.mark.parametrize("stats", [[1], "no", {"system": []}, {"system": {}}, {"x": 1}])
async def test_something_that_is_no_comfyui_is_asked_again_until_it_is_one(
    engine: FakeComfy, tmp_path: Path, stats: object
) -> None:
    engine.stats = stats
    await engine.die()
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await engine.start()
        await until(lambda: engine.asked["/system_stats"], "it was asked")
        assert (await api.ready()).status_code == 503
        engine.stats = None
        await engine.die()
        await engine.start()
        [name] = [described["name"] for described in await api.engines()]
        await api.client.post(f"/api/system/engines/{name}/restart", json={})
        assert (await api.wait(job_id))["status"] == "succeeded"
