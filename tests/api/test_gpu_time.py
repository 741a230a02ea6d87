"""GPU time of a day: what is yet to be used counts, and days long past are forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import httpx

from studio.settings import DAY_MS
from tests.api.graphs import solid
from tests.api.house import House, open_house
from tests.api.people import OWN_PAGE, me, member_in, refusal
from tests.api.presets import seeds
from tests.api.test_quotas import limit

JOB = {"workflow": solid()}


async def took(house: House, job_id: str, duration_ms: int) -> None:
    """Jobs like this one took so long."""

    def graph_key(connection: sqlite3.Connection) -> str:
        row = connection.execute("SELECT graph_key FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return str(row["graph_key"])

    house.accounts.quotas._time._durations.add(await house.db.read(graph_key), duration_ms)


async def ended_one(client: httpx.AsyncClient) -> str:
    """A job of a batch that was cancelled at once."""
    assert (await client.post("/api/batches", json=seeds(1))).status_code == 201
    [job] = (await client.get("/api/jobs")).json()["jobs"]
    assert (await client.post(f"/api/jobs/{job['id']}/cancel")).status_code == 200
    return str(job["id"])


async def test_jobs_that_wait_count_as_long_as_their_like_took(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, gpu_seconds=100)
        first = (await ann.post("/api/jobs", json=JOB)).json()["id"]
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201
        await took(house, first, 40_000)
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201
        for route in ("/api/jobs", "/api/v2/jobs"):
            refused = await ann.post(route, json=JOB)
            assert refusal(refused) == (429, "quota_exceeded")
            assert int(refused.headers["retry-after"]) > 0
            details = refused.json()["error"]["details"]
            assert details == {"quota": "gpu_seconds", "used": 0, "expected": 120, "limit": 100}
        assert (await ann.post(f"/api/jobs/{first}/cancel")).status_code == 200
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201


async def test_jobs_of_which_nobody_knows_how_long_they_take_count_too(house: House) -> None:
    async with member_in(house, "Gus", "guest") as gus, member_in(house, "Ann") as ann:
        await limit(house, gus, gpu_seconds=60)
        await limit(house, ann, gpu_seconds=60)
        assert refusal(await gus.post("/api/batches", json=seeds(50))) == (429, "quota_exceeded")
        one_by_one = [await gus.post("/api/batches", json=seeds(1)) for _ in range(50)]
        at_once = await asyncio.gather(*(ann.post("/api/jobs", json=JOB) for _ in range(50)))
        for answers in (one_by_one, at_once):
            assert sorted(answer.status_code for answer in answers) == [201] * 2 + [429] * 48
        unfinished = (await gus.get("/api/me/quota")).json()["quota"]["jobs"]["used"]
        assert unfinished == 2


async def test_a_job_like_others_is_expected_to_take_as_many_times_as_long(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, gpu_seconds=1000)
        first = (await ann.post("/api/jobs", json={"workflow": solid(size=16)})).json()["id"]
        live = house.accounts.quotas._time._queue.live[first]
        house.accounts.quotas._time._durations.note(live.job, 10_000)
        assert (await ann.post(f"/api/jobs/{first}/cancel")).status_code == 200
        larger = {"workflow": solid(size=64)}
        answers = [await ann.post("/api/jobs", json=larger) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [201] * 7 + [429]
        assert answers[-1].json()["error"]["details"]["expected"] == 7 * 160


async def test_a_restart_forgets_neither_what_waits_nor_what_ran(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, member_in(house, "Ann") as ann:
        await limit(house, ann, gpu_seconds=300)
        ran = (await ann.post("/api/jobs", json={"workflow": solid(size=16)})).json()["id"]
        for _ in range(2):
            job = {"workflow": solid(size=64)}
            assert (await ann.post("/api/jobs", json=job)).status_code == 201
        await house.db.write(
            lambda connection: connection.execute(
                "UPDATE jobs SET status = 'succeeded', duration_ms = 10000, completed_at = ? "
                "WHERE id = ?",
                (house.clock.now_ms(), ran),
            )
        )
        cookies = dict(ann.cookies)
    async with open_house(tmp_path) as house, house.client(None) as ann:
        ann.headers.update(OWN_PAGE)
        ann.cookies.update(cookies)
        refused = await ann.post("/api/jobs", json=JOB)
        assert refusal(refused) == (429, "quota_exceeded")
        assert refused.json()["error"]["details"]["expected"] == 2 * 160


async def test_a_batch_may_not_take_a_day_many_times_over(house: House) -> None:
    async with member_in(house, "Gus", "guest") as gus:
        await limit(house, gus, gpu_seconds=100)
        await took(house, await ended_one(gus), 40_000)
        assert refusal(await gus.post("/api/batches", json=seeds(4))) == (429, "quota_exceeded")
        assert (await gus.post("/api/batches", json=seeds(3))).status_code == 201


async def test_one_job_is_always_taken_while_the_day_is_not_used_up(house: House) -> None:
    async with member_in(house, "Gus", "guest") as gus:
        await limit(house, gus, gpu_seconds=1)
        await took(house, await ended_one(gus), 4_000_000)
        assert (await gus.post("/api/batches", json=seeds(1))).status_code == 201
        assert (await gus.post("/api/batches", json=seeds(1))).status_code == 429


def days(connection: sqlite3.Connection) -> list[int]:
    return [row["day"] for row in connection.execute("SELECT day FROM gpu_days ORDER BY day")]


async def test_days_long_past_are_forgotten(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        user_id = (await me(ann))["id"]
    today = house.clock.now_ms() // DAY_MS
    await house.db.write(
        lambda connection: connection.executemany(
            "INSERT INTO gpu_days (user_id, day, kind, seconds) VALUES (?, ?, 'jobs', 1)",
            [(user_id, today - ago) for ago in (0, 400, 401)],
        )
    )
    sweeping = asyncio.create_task(house.accounts.quotas.run())
    try:
        async with asyncio.timeout(20):
            while len(await house.db.read(days)) == 3:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
    finally:
        sweeping.cancel()
    assert await house.db.read(days) == [today - 400, today]
