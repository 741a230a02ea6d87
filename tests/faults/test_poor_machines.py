"""A machine that lacks something: a network, memory, a clock that is right. Studio works on it.

There is no GPU on any machine of these tests; what a box without ComfyUI does is in
``test_safe_mode.py``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import text_to_image
from tests.faults.harness import Api, Process, process, until, until_it

NO_NETWORK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    up = struct.pack("16sh", b"lo", 1)
    fcntl.ioctl(any_socket, 0x8914, up)
os.execv(sys.executable, [sys.executable, "bootstrap.py"])
"""
"""Bootstrap with nothing but a loopback, which begins down in a network of its own."""

CLOCK = """
import os, time

place = os.environ.get("CLOCK_OFFSET_S")
if place:
    def offset():
        with open(place) as file:
            return int(file.read() or 0)

    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + offset() * 1_000_000_000
"""
"""Python's start-up module in front of a host whose clock can be set."""

DAY_S = 86_400
MEMORY_BYTES = 2 << 30


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path, "embedded", bootstrap=True, COMFYUI_PORT="0") as made:
        yield made


@pytest.fixture
def own_network() -> None:
    alone = ("unshare", "--net", "true")
    if os.geteuid() != 0 or subprocess.run(alone, check=False, capture_output=True).returncode:
        pytest.skip("only root can make a network, and not everywhere")


async def make_picture(api: Api, seed: int) -> str:
    job = await api.submit(text_to_image(f"fox {seed}", seed=seed, steps=2))
    assert (await api.wait(job, within_s=120))["status"] == "succeeded"
    return job


async def require_pictures(api: Api, jobs: list[str]) -> None:
    """The library shows exactly one picture of each, and its bytes are there."""

    async def are_shown() -> bool:
        answer = await api.client.get("/api/library")
        items = answer.json()["items"] if answer.status_code == 200 else []
        return sorted(item["job_id"] for item in items) == sorted(jobs)

    await until_it(are_shown, "the library shows every picture", within_s=120)
    for job in jobs:
        found = await api.get(job)
        assert found["status"] == "succeeded" and await api.content(found["outputs"][0])


@pytest.mark.usefixtures("own_network")
async def test_without_a_network_everything_on_the_machine_works_and_the_rest_is_said(
    box: Process,
) -> None:
    box.command = ["unshare", "--net", sys.executable, "-c", NO_NETWORK]
    box.start()
    control = box.run_dir / "control.sock"
    await until(control.exists, "Studio serves", within_s=300)
    # The ports of that network are out of reach; the owner's socket is a file.
    transport = httpx.AsyncHTTPTransport(uds=str(control))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://studio", timeout=120
    ) as client:
        api = Api(client)

        async def takes_work() -> bool:
            return (await api.ready()).status_code == 200

        await until_it(takes_work, "it takes work", within_s=300)
        job = await make_picture(api, 1)
        await require_pictures(api, [job])
        page = await client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 200
        asked = {
            "reference": "https://huggingface.co/a/b/resolve/main/c.safetensors",
            "folder": "loras",
        }
        answer = await client.post("/api/downloads", json=asked)
        told: dict[str, Any] = answer.json()
        if answer.status_code < 400:

            async def is_told() -> bool:
                items = (await client.get("/api/downloads?ended=50")).json()["items"]
                told.update(items[0])
                return told["error"] is not None

            await until_it(is_told, "the download says why it does not go on", within_s=300)
        assert "huggingface.co" in str(told["error"]["message"]), told
        assert (await api.ready()).status_code == 200


async def test_a_clock_that_is_wrong_or_is_set_loses_no_picture_and_repeats_no_job(
    box: Process, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "sitecustomize.py").write_text(CLOCK)
    offset = tmp_path / "offset"

    def set_clock(seconds: float) -> None:
        new = tmp_path / "new"
        new.write_text(str(int(seconds)))
        new.rename(offset)

    box.environ |= {"PYTHONPATH": str(first), "CLOCK_OFFSET_S": str(offset)}
    # A machine whose battery is empty: its day is the first of 1970.
    set_clock(DAY_S - time.time())
    box.start()
    async with box.api() as api:
        jobs = [await make_picture(api, 1)]
        assert (await api.get(jobs[0]))["created_at"].startswith("1970-01-0")
        # Set to what is right, a day ahead, a day back, while jobs run.
        for seed, seconds in enumerate((0, DAY_S, -DAY_S), 2):
            job = await api.submit(text_to_image(f"fox {seed}", seed=seed, steps=40))
            await api.wait(job, ("running", "succeeded"), within_s=120)
            set_clock(seconds)
            assert (await api.wait(job, within_s=240))["status"] == "succeeded"
            jobs.append(job)
            await require_pictures(api, jobs)
            assert (await api.ready()).status_code == 200
    assert box.terminate() == 0
    set_clock(0)
    box.start()
    async with box.api() as api:
        await require_pictures(api, jobs)
        await require_pictures(api, [*jobs, await make_picture(api, 9)])


async def test_with_two_gigabytes_of_memory_pictures_are_made_and_shown(box: Process) -> None:
    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    box.start(before=little_memory)
    async with box.api() as api:
        jobs = [await make_picture(api, seed) for seed in range(4)]
        await require_pictures(api, jobs)
        output = (await api.get(jobs[0]))["outputs"][0]
        small = await api.client.get(f"/api/assets/{output['id']}/thumbnail")
        assert small.status_code == 200 and small.content
        assert (await api.ready()).status_code == 200
