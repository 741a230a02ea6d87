"""What becomes of the editor's runs when Studio or the engine ends under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from studio.clock import Clock, new_id
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import HASTY, until, until_it
from tests.security.editor_port import EditorPort, open_port


async def queue_prompt(browser: httpx.AsyncClient, graph: object) -> str:
    """Queue a graph as the editor's page does."""
    body = {"prompt": graph, "prompt_id": new_id(), "client_id": "a-browser"}
    answer = await browser.post("/prompt", json=body)
    assert answer.status_code == 200, answer.text
    prompt_id: str = answer.json()["prompt_id"]
    return prompt_id


async def jobs(port: EditorPort) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await port.api.get("/api/jobs")).json()["jobs"]
    return found


async def ended(port: EditorPort) -> list[dict[str, Any]]:
    """Every job, once all of them have ended."""

    async def says() -> bool:
        return all(job["completed_at"] for job in await jobs(port))

    await until_it(says, "every job ends")
    return await jobs(port)


async def attached(engine: FakeComfy) -> None:
    """Until Studio knows the engine: what is queued before is the engine's alone."""

    await until(lambda: bool(engine.sockets), "Studio's socket")


async def test_a_run_is_one_job_with_its_outputs_however_often_studio_restarts(
    tmp_path: Path, engine: FakeComfy
) -> None:
    engine.hold("node")
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        await attached(engine)
        async with await port.browser() as browser:
            await queue_prompt(browser, saved("first"))
            await queue_prompt(browser, saved("second"))
        assert [job["origin"] for job in await jobs(port)] == ["editor", "editor"]
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        assert [job["completed_at"] for job in await jobs(port)] == [None, None]
        engine.release("node")
        finished = await ended(port)
        assert [job["status"] for job in finished] == ["succeeded", "succeeded"]
        assert [len(job["outputs"]) for job in finished] == [1, 1]
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        await attached(engine)
        assert {job["id"] for job in await jobs(port)} == {job["id"] for job in finished}
    assert engine.finished == {"first": 1, "second": 1}


async def test_a_run_that_ended_with_its_engine_is_not_sent_again(
    tmp_path: Path, engine: FakeComfy
) -> None:
    engine.hold("node")
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        await attached(engine)
        async with await port.browser() as browser:
            await queue_prompt(browser, saved("lost"))
            await queue_prompt(browser, saved("waits"))
        await engine.die()
        await engine.start()
        for job in await ended(port):
            assert (job["status"], job["error"]["code"]) == ("failed", "engine_crash")
    assert len(engine.posts) == 2


async def test_a_run_that_somebody_removed_in_the_engine_is_cancelled(
    tmp_path: Path, engine: FakeComfy
) -> None:
    engine.hold("node")
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        await attached(engine)
        async with await port.browser() as browser:
            await queue_prompt(browser, saved("runs"))
            removed = await queue_prompt(browser, saved("removed"))
            answer = await browser.post("/queue", json={"delete": [removed]})
            assert answer.status_code == 200
        engine.release("node")
        assert [job["status"] for job in await ended(port)] == ["canceled", "succeeded"]
