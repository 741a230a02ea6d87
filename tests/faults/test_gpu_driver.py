"""NVIDIA's driver is stuck: Studio goes on, and says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clients.gpu import Gpu, GpuReader
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import settings_for, studio_inside

LOOKS = 40
"""More than there are threads for whatever blocks: at most 32 (``concurrent.futures``)."""


@pytest.fixture
def stuck_driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    over = threading.Event()

    def read(_reader: GpuReader) -> list[Gpu]:
        over.wait()
        return []

    monkeypatch.setattr(GpuReader, "read", read)
    yield
    over.set()


@pytest.mark.usefixtures("stuck_driver")
async def test_a_driver_that_never_answers_holds_up_neither_jobs_nor_the_page(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        looks = [asyncio.create_task(api.client.get("/api/system")) for _ in range(LOOKS)]
        job = await api.wait(await api.submit(saved("fox")))
        answers = await asyncio.gather(*looks)

        assert job["status"] == "succeeded"
        assert {answer.status_code for answer in answers} == {200}
        for answer in answers:
            assert any("driver does not answer" in line for line in answer.json()["warnings"])
        assert (await api.client.get("/metrics")).status_code == 200
