"""What an engine says while a job is sent to it, or while Studio lets go of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside, until

REPLIED_S = 0.2


class SlowToTell(FakeComfy):
    """Accepts what is held at its door while an answer about its queue is on its way.

    Attributes:
        after: the question that comes before the one about the queue which this happens to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.after: str | None = None
        self._last = ""

    async def _get_info(self, request: web.Request) -> web.Response:
        self._last = "object_info"
        return await super()._get_info(request)

    async def _get_history(self, request: web.Request) -> web.Response:
        self._last = "history"
        return await super()._get_history(request)

    async def _get_queue(self, request: web.Request) -> web.Response:
        answer = await super()._get_queue(request)
        if self._last == self.after:
            self.after = None
            self.hold("node")
            self.release("accept")
            await asyncio.sleep(REPLIED_S)
        self._last = "queue"
        return answer


@pytest.fixture
async def slow() -> AsyncIterator[SlowToTell]:
    fake = SlowToTell()
    await fake.start()
    yield fake
    await fake.stop()
    await asyncio.sleep(0)


@pytest.mark.parametrize("after", ["object_info", "history"])
async def test_a_socket_that_is_opened_while_a_job_is_sent_neither_ends_nor_repeats_it(
    slow: SlowToTell, tmp_path: Path, after: str
) -> None:
    async with studio_inside(settings_for(tmp_path, [slow.url])) as api:
        await api.wait_ready()
        slow.hold("accept")
        job_id = await api.submit(saved("fox"))
        await until(lambda: slow.arrived["accept"] == 1)
        slow.after = after
        slow.cut_all()
        await until(lambda: slow.after is None)
        await asyncio.sleep(2 * REPLIED_S)
        slow.open_all()
        job = await api.wait(job_id)

        assert (job["status"], job["engine_deaths"]) == ("succeeded", 0)
        assert slow.runs == {"fox": 1}


async def test_a_start_that_is_told_while_studio_ends_is_no_reason_to_cancel_it(
    engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    engine.hold("node")
    over = asyncio.Event()

    async def tell_again() -> None:
        assert engine.running is not None
        data = {"prompt_id": engine.running[1]}
        while not over.is_set():
            await engine.send_raw(json.dumps({"type": "execution_start", "data": data}))
            await asyncio.sleep(0)

    async with studio_inside(settings) as api:
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        telling = asyncio.create_task(tell_again())
        await asyncio.sleep(0.05)
    over.set()
    await telling
    assert engine.cancels == {}
    engine.open_all()
    async with studio_inside(settings) as api:
        assert (await api.wait(job_id))["status"] == "succeeded"
    assert engine.runs == {"fox": 1}
