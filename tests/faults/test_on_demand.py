"""A job that waits for a model it named by its address, while Studio is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import TERMINAL, Graph, text_to_image
from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import Origin, running_origin
from tests.faults.harness import until

WITHIN_S = 120
SIZE = 24_000_000


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with running_origin() as running:
        yield running


def with_lora(name: str) -> Graph:
    graph = text_to_image(steps=1)
    inputs = {"model": ["1", 0], "lora_name": name, "strength_model": 1.0}
    graph["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    graph["5"]["inputs"]["model"] = ["lora", 0]
    return graph


def process_of(studio: RunningStudio) -> int:
    """The process that serves, which bootstrap starts again whenever it dies."""
    pid: int = json.loads((studio.folder / "run" / "lease.json").read_text())["pid"]
    return pid


async def job_when(
    studio: RunningStudio, job_id: str, is_so: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """A job once something is true of it, however often Studio cannot be reached meanwhile."""
    async with asyncio.timeout(WITHIN_S), studio.async_client() as client:
        while True:
            try:
                answer = await client.get(f"/api/jobs/{job_id}")
                if answer.status_code == 200 and is_so(answer.json()):
                    found: dict[str, Any] = answer.json()
                    return found
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


def is_fetching(job: dict[str, Any]) -> bool:
    return "Fetching" in ((job["progress"] or {}).get("message") or "")


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in TERMINAL


async def test_a_kill_while_a_model_is_fetched_costs_neither_the_job_nor_what_came(
    origin: Origin, tmp_path: Path
) -> None:
    content = safetensors(SIZE, 1)
    origin.serve("large.safetensors", content)
    with run_studio(tmp_path, {"STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}) as studio:
        async with studio.async_client() as client:
            # Slow enough to be killed in the middle.
            limits = {"concurrency": 2, "bytes_per_second": 4_000_000}
            assert (await client.put("/api/downloads/limits", json=limits)).status_code == 200
            graph = with_lora(origin.url("large.safetensors"))
            answer = await client.post("/api/jobs", json={"workflow": graph})
        job_id = answer.json()["id"]
        await job_when(studio, job_id, is_fetching)
        await until(lambda: origin.sent > SIZE // 3, within_s=WITHIN_S)
        killed = process_of(studio)
        os.kill(killed, signal.SIGKILL)
        found = await job_when(studio, job_id, has_ended)
        assert process_of(studio) != killed
        assert (found["status"], found["attempts"]) == ("succeeded", 1)
        [kept] = (studio.folder / "cache" / "loras").glob("*.safetensors")
        assert kept.read_bytes() == content
        async with studio.async_client() as client:
            [download] = (await client.get("/api/downloads?ended=10")).json()["items"]
        assert download["state"] == "done"
