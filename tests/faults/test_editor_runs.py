"""What becomes of the editor's runs when Studio or the engine ends under them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.clock import Clock
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import running_place
from tests.faults.harness import HASTY, Api, process, until, until_it
from tests.security.editor_port import SAME_ORIGIN, EditorPort, open_port


async def queue_prompt(browser: httpx.AsyncClient, graph: object) -> str:
    """Queue a graph as the editor's page does, which leaves the prompt's id to the engine."""
    body = {"prompt": graph, "client_id": "a-browser"}
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


async def test_webhooks_hear_of_a_run_from_its_beginning(tmp_path: Path, engine: FakeComfy) -> None:
    async with (
        running_place() as place,
        open_port(tmp_path, engine.url, allow="127.0.0.1", clock=Clock(), pace=HASTY) as port,
    ):
        await attached(engine)
        hook = {"url": place.url, "events": ["job.queued", "job.succeeded"]}
        made = await port.api.post("/api/webhooks", json=hook)
        assert made.status_code == 201, made.text
        async with await port.browser() as browser:
            await queue_prompt(browser, saved("first"))
        [job] = await ended(port)
        await until(lambda: "job.succeeded" in place.types(), "the end is told")
        assert place.types() == ["job.queued", "job.succeeded"]
        assert {got.message["data"]["id"] for got in place.got} == {job["id"]}


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


@contextlib.asynccontextmanager
async def inside(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A browser inside the editor of a Studio that is a process."""
    link = (await api.client.post("/api/editor/open")).json()["url"]
    base = link.partition("/_studio")[0]
    async with httpx.AsyncClient(base_url=base, headers=SAME_ORIGIN, timeout=20) as browser:
        assert (await browser.get(link)).status_code == 303
        yield browser


@pytest.mark.parametrize("stage", ["accept", "reply"])
async def test_a_run_is_a_job_although_studio_was_killed_before_it_heard_the_answer(
    tmp_path: Path, engine: FakeComfy, stage: str
) -> None:
    """Held at ``accept`` the engine queues it only after the next Studio has begun to look."""
    with process(tmp_path, engine.url) as studio:
        studio.start()
        async with studio.api() as api:
            await attached(engine)
            engine.hold(stage)
            async with inside(api) as browser:
                sending = asyncio.create_task(queue_prompt(browser, saved("killed")))
                await until(lambda: engine.arrived[stage], "the engine has the prompt")
                studio.kill()
                with contextlib.suppress(httpx.HTTPError):
                    await sending
        studio.start()
        async with studio.api() as api:
            engine.release(stage)

            async def says() -> bool:
                found = (await api.client.get("/api/jobs")).json()["jobs"]
                return [(job["origin"], job["status"]) for job in found] == [
                    ("editor", "succeeded")
                ]

            await until_it(says, "the run is a job that succeeded")
    assert engine.finished == {"killed": 1}


async def test_a_run_whose_answer_was_lost_is_a_job(tmp_path: Path, engine: FakeComfy) -> None:
    async with open_port(tmp_path, engine.url, clock=Clock(), pace=HASTY) as port:
        await attached(engine)
        engine.prompt_faults.extend(["lose-after", "lose-before", "500", "400"])
        async with await port.browser() as browser:
            for text, status in (("after", 502), ("before", 502), ("500", 500), ("400", 400)):
                answer = await browser.post(
                    "/prompt", json={"prompt": saved(text), "client_id": "x"}
                )
                assert answer.status_code == status

        async def says() -> bool:
            return [job["status"] for job in await jobs(port)] == ["succeeded"]

        await until_it(says, "the one that arrived is a job")

        # Nobody looks for the others any more: those who looked have given up.
        async def is_quiet() -> bool:
            rows = await port.studio.db.read(
                lambda connection: connection.execute("SELECT * FROM editor_prompts").fetchall()
            )
            return not rows

        await until_it(is_quiet, "nothing is looked for")
        assert len(await jobs(port)) == 1
    assert engine.finished == {"after": 1}


async def test_an_open_editor_stays_open_when_studio_restarts(
    tmp_path: Path, engine: FakeComfy
) -> None:
    async with open_port(tmp_path, engine.url) as port:
        token = await port.token()
    async with open_port(tmp_path, engine.url) as port:
        headers = {"cookie": f"studio-editor={token}"}
        async with httpx.AsyncClient(base_url=port.url, headers=headers) as browser:
            assert (await browser.get("/queue")).status_code == 200
            keys = (await port.api.get("/api/keys")).json()["keys"]
            assert (await port.api.delete(f"/api/keys/{keys[0]['id']}")).status_code == 204
            assert (await browser.get("/queue")).status_code == 401
    # The environment's key comes back to life with every start, and no visit does.
    async with (
        open_port(tmp_path, engine.url) as port,
        httpx.AsyncClient(base_url=port.url, headers=headers) as browser,
    ):
        assert (await browser.get("/queue")).status_code == 401
