"""Studio is killed while a receiver fails at random: nothing is lost, and no id changes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import Got, Place, fine, running_place
from tests.faults.harness import KEY, Api, Process, process, until_it
from tests.faults.webhook_rig import subscribe

_PATIENCE_S = 60.0


def moody(chance: random.Random) -> web.Response | None:
    """How a receiver fails now, or ``None`` when it does not."""
    kind = chance.random()
    if kind < 0.15:
        return web.Response(status=500)
    if kind < 0.2:
        return web.Response(status=302, headers={"Location": "/elsewhere"})
    if kind < 0.22:
        return web.Response(status=429, headers={"Retry-After": "0"})
    return None


class Kept:
    """What a receiver took, by id; and which ids it had seen when."""

    def __init__(self, place: Place, seed: int) -> None:
        self.bodies: dict[str, set[bytes]] = {}
        self.taken: dict[str, Got] = {}
        self.requests = 0
        self._chance = random.Random(seed)
        place.answer = self._answer

    def _answer(self, got: Got) -> web.Response:
        self.requests += 1
        self.bodies.setdefault(got.id, set()).add(got.body)
        refusal = moody(self._chance)
        if refusal is not None:
            return refusal
        self.taken[got.id] = got
        return fine(got)


@contextlib.asynccontextmanager
async def patient(studio: Process) -> AsyncIterator[Api]:
    """Its API; it takes jobs though it has no engine."""
    async with studio.api(503) as api:

        async def is_open() -> bool:
            return (await api.client.get("/api/webhooks")).status_code == 200

        await until_it(is_open, "it takes requests")
        yield api


async def submit_many(studio: Process, count: int) -> set[str]:
    """Jobs that were acknowledged; what a kill cut off is asked for again under its own key."""
    ids: set[str] = set()
    headers = {"Authorization": f"Bearer {KEY}"}
    gate = asyncio.Semaphore(8)

    async def one(client: httpx.AsyncClient, number: int) -> None:
        key = {"Idempotency-Key": f"webhook-{number}"}
        async with gate:
            deadline = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    answer = await client.post(
                        "/api/jobs", json={"workflow": saved(str(number))}, headers=key
                    )
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == 201:
                    ids.add(answer.json()["id"])
                    return
                if answer is not None and answer.json()["error"]["code"] == "idempotency_key_reuse":
                    # It is durable, but its answer was cut off.
                    return
                assert time.monotonic() < deadline, "it takes no jobs"
                await asyncio.sleep(0.05)

    async with httpx.AsyncClient(base_url=studio.url, headers=headers, timeout=30) as client:
        await asyncio.gather(*(one(client, number) for number in range(count)))
    return ids


async def tell_and_kill(folder: Path, *, count: int, kills: int, seed: int) -> tuple[Kept, int]:
    """Make ``count`` events while Studio is killed; what came, and how many lives it took."""
    chance = random.Random(seed)
    async with running_place() as place:
        kept = Kept(place, seed)
        with process(
            folder, STUDIO_OUTBOUND_ALLOW="127.0.0.0/8", MAX_QUEUE_DEPTH=str(count + 10)
        ) as studio:
            studio.command = [sys.executable, "-m", "tests.faults.webhook_child"]
            studio.start()
            async with patient(studio) as api:
                webhook = await subscribe(api, place.url, "job.queued", "job.canceled")
            submitting = asyncio.create_task(submit_many(studio, count // 2))
            lives = 1
            while lives <= kills:
                await asyncio.sleep(chance.uniform(0.2, 1.2))
                studio.kill()
                studio.start()
                lives += 1
                if not submitting.done():
                    async with patient(studio):
                        pass
            ids = await submitting
            async with patient(studio) as api:
                listed = await api.client.get("/api/queue", params={"limit": "1"})
                assert listed.json()["depth"] == count // 2 >= len(ids)
                cleared = await api.client.post("/api/queue/clear", timeout=300)
                assert cleared.json() == {"canceled": count // 2}
                studio.kill()
            studio.start()
            async with patient(studio) as api:
                path = f"/api/webhooks/{webhook['id']}"

                async def all_told() -> bool:
                    found = (await api.client.get(path)).json()
                    return bool(found["waiting"] == 0)

                await until_it(all_told, "everything is told", within_s=30 + count / 20)
                found = (await api.client.get(path)).json()
                assert found["failed"] == 0
        for got in kept.taken.values():
            got.verify(webhook["secret"])
    return kept, lives + 1


def check(kept: Kept, count: int) -> None:
    """Each event came, each under one id and in one form."""
    assert {len(bodies) for bodies in kept.bodies.values()} == {1}
    assert kept.bodies.keys() == kept.taken.keys()
    told = [(got.type, got.message["data"]["id"]) for got in kept.taken.values()]
    assert len(told) == len(set(told)) == count
    jobs = {job_id for kind, job_id in told if kind == "job.queued"}
    assert jobs == {job_id for kind, job_id in told if kind == "job.canceled"}
    assert len(jobs) == count // 2


async def test_a_killed_studio_tells_everything_at_least_once_under_one_id(tmp_path: Path) -> None:
    kept, _ = await tell_and_kill(tmp_path, count=200, kills=3, seed=7)
    check(kept, 200)
    assert kept.requests >= 200


@pytest.mark.soak
async def test_ten_thousand_deliveries_survive_kills_and_a_receiver_that_fails(
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    kept, lives = await tell_and_kill(tmp_path, count=10_000, kills=25, seed=11)
    check(kept, 10_000)
    assert kept.requests >= 10_000
    print(
        f"10,000 deliveries, {lives} lives of Studio, {kept.requests} requests,"
        f" {time.monotonic() - began:.0f} s"
    )
