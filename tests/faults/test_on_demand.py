"""A job that waits for a model it named by its address, while Studio is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.api.graphs import TERMINAL, Graph, text_to_image
from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import Origin
from tests.fakes.origin import origin as origin

WITHIN_S = 120
SIZE = 6_000_000


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


async def test_a_kill_while_models_are_fetched_costs_no_job_but_those_whose_credentials_are_lost(
    origin: Origin, tmp_path: Path
) -> None:
    names, secret = ("open", "lent", "stored"), "canary-of-the-kill"
    files = {name: origin.serve(f"{name}.safetensors", safetensors(SIZE, 1)) for name in names}
    for name in ("lent", "stored"):
        files[name].refuse_if = lambda asked: (
            None if asked.headers.get("authorization") == f"Bearer {secret}" else (401, {})
        )
    auths = {"open": None, "lent": {"token": secret}, "stored": {"secret": "files"}}
    with run_studio(tmp_path, {"STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}) as studio:
        async with studio.async_client() as client:
            # Slow enough to be killed in the middle.
            limits: dict[str, int | None] = {"concurrency": 3, "bytes_per_second": SIZE // 20}
            assert (await client.put("/api/downloads/limits", json=limits)).status_code == 200
            assert (await client.put("/api/secrets/files", json={"value": secret})).is_success
            jobs = {}
            for name, auth in auths.items():
                url = origin.url(f"{name}.safetensors")
                given = [{"url_pattern": url, "auth": {"type": "bearer", **(auth or {})}}]
                body = {"workflow": with_lora(url), "credentials": given if auth else []}
                jobs[name] = (await client.post("/api/jobs", json=body)).json()["id"]
        for name in names:
            await job_when(studio, jobs[name], is_fetching)
        killed = process_of(studio)
        os.kill(killed, signal.SIGKILL)
        await job_when(studio, jobs["open"], lambda job: process_of(studio) != killed)
        async with studio.async_client() as client:
            limits["bytes_per_second"] = None
            assert (await client.put("/api/downloads/limits", json=limits)).status_code == 200
        ends = {name: await job_when(studio, jobs[name], has_ended) for name in names}
        assert {name: end["status"] for name, end in ends.items()} == {
            "open": "succeeded",
            "lent": "failed",
            "stored": "succeeded",
        }
        assert ends["lent"]["error"]["code"] == "credentials_lost"
        assert ends["open"]["attempts"] == ends["stored"]["attempts"] == 1
        kept = list((studio.folder / "cache" / "loras").glob("*.safetensors"))
        assert [path.read_bytes() == files["open"].content for path in kept] == [True, True]
        async with studio.async_client() as client:
            listed = (await client.get("/api/downloads?ended=10")).json()["items"]
        states = {one["reference"].rpartition("/")[2]: one["state"] for one in listed}
        assert states.pop("lent.safetensors") in ("canceled", "failed")
        assert states == {"open.safetensors": "done", "stored.safetensors": "done"}
