"""A seeded driver that submits, cancels, kills, restarts and cuts, and what must hold after it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import httpx

from tests.fakes.bootstrap_family import is_alive
from tests.faults.chaos_rigs import ENDED_BY_FULL_DISK, UNPRINTED, Rig
from tests.faults.footprint import Footprint, descendants, footprint
from tests.faults.harness import KEY

_TROUBLE = (httpx.TransportError, AssertionError)
_STORM = {
    "submit": 70,
    "cancel": 20,
    "kill studio": 4,
    "restart studio": 2,
    "kill engine": 3,
    "cut": 8,
    "full disk": 3,
}
"""How likely each is, beside the others."""
_STEADY = {"submit": 80, "cancel": 15, "cut": 4, "full disk": 1}
_STRETCH_S = 60.0
_REST_S = 180.0
_MORE_FILES = 16
_MORE_THREADS = 8
_MORE_MEBIBYTES = 48
"""What a process that warms up may take; a leak takes it in each of the stretches."""
_ACKNOWLEDGED_S = 120.0
_INSIDE = 2
"""So many jobs are inside an engine at most, and may have executed there unseen when it dies."""


class Chaos:
    """One Studio, one engine and everything that was asked of them.

    ``jobs`` maps ids to the numbers of their graphs; a submit whose answer was lost is found again
    through its label.
    """

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.chance = random.Random(seed)
        self.jobs: dict[str, int] = {}
        self.canceled: set[str] = set()
        self.kills = 0
        self.deaths = 0
        self.cuts = 0
        self.full_disks = 0
        self._count = 0
        self._client = httpx.AsyncClient(
            base_url=rig.studio.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def submit(self, *, doubled: bool = False) -> None:
        """Submit one job, trying again until it is acknowledged, under one idempotency key."""
        self._count += 1
        number, label = self._count, f"job {self._count}"
        graph = self.rig.graph(number, doubled=doubled)
        body = {"workflow": graph, "metadata": {"label": label}}
        deadline = time.monotonic() + _ACKNOWLEDGED_S
        while True:
            with contextlib.suppress(*_TROUBLE):
                answer = await self._client.post(
                    "/api/v2/jobs", json=body, headers={"Idempotency-Key": label}
                )
                if answer.status_code == 201:
                    self.jobs[answer.json()["id"]] = number
                    return
                if answer.status_code == 422:
                    listed = await self._client.get(
                        "/api/v2/jobs", params={"metadata[label]": label}
                    )
                    [job] = listed.json()["jobs"]
                    self.jobs[job["id"]] = number
                    return
                assert answer.status_code in (429, 503, 507), answer.text
            assert time.monotonic() < deadline, self.rig.studio.output()[-3000:]
            await self._revive()
            await asyncio.sleep(0.05)

    async def cancel_one(self) -> None:
        """Cancel any job; it may have ended."""
        if self.jobs:
            job_id = self.chance.choice(list(self.jobs))
            with contextlib.suppress(*_TROUBLE):
                answer = await self._client.post(f"/api/v2/jobs/{job_id}/cancel")
                if answer.status_code == 200:
                    self.canceled.add(job_id)

    async def kill_studio(self) -> None:
        """kill -9, and a new one."""
        self.kills += 1
        await self.rig.kill_studio()

    async def restart_studio(self) -> None:
        """SIGTERM, and a new one. The signal ends a process that only begins to start."""
        await self._revive()
        begun = await self._is_alive()
        self.deaths += self.rig.takes_engine_along
        status = await self.rig.restart()
        clean = {0, UNPRINTED} if self.full_disks else {0}
        if not begun:
            clean |= {-signal.SIGTERM, *(ENDED_BY_FULL_DISK if self.full_disks else ())}
        assert status in clean, status

    async def _revive(self) -> None:
        """Nothing but a full disk is a reason for Studio to end by itself."""
        if self.full_disks:
            await self.rig.revive()

    async def _is_alive(self) -> bool:
        try:
            return (await self._client.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill_engine(self) -> None:
        """The engine dies, and lives again a little later."""
        self.deaths += 1
        await self.rig.kill_engine(pause_s=self.chance.random() * 0.5)

    async def cut(self) -> None:
        """Studio's connections to the engine break."""
        self.cuts += 1
        await self.rig.cut()

    async def fill_disk(self) -> None:
        """For a moment no file of Studio's grows, as on a full disk, unless it ends before."""
        pid = await self.rig.studio_pid()
        if pid is None:
            return
        self.full_disks += 1
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            try:
                await asyncio.sleep(self.chance.uniform(0.2, 2.0))
            finally:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    async def settle(self, within_s: float) -> dict[str, dict[str, Any]]:
        """Every job once it has ended, by id."""
        deadline = time.monotonic() + within_s
        ended: dict[str, dict[str, Any]] = {}
        while True:
            with contextlib.suppress(*_TROUBLE):
                for job_id in self.jobs.keys() - ended.keys():
                    answer = await self._client.get(f"/api/jobs/{job_id}")
                    assert answer.status_code == 200
                    if answer.json()["completed_at"] is not None:
                        ended[job_id] = answer.json()
            left = {self.jobs[job_id] for job_id in self.jobs.keys() - ended.keys()}
            if not left:
                return ended
            await self._revive()
            assert time.monotonic() < deadline, (
                f"not ended: {left}\n{self.rig.studio.output()[-3000:]}"
            )
            await asyncio.sleep(0.2)

    async def assert_ends(self, ended: dict[str, dict[str, Any]]) -> None:
        """What holds whatever happened: one end per job, outputs once, executions within rules."""
        runs, unseen = await self.rig.runs(), 0
        for job_id, job in ended.items():
            number = self.jobs[job_id]
            allowed = {"succeeded", "canceled"} if job_id in self.canceled else {"succeeded"}
            if self.full_disks and job["status"] == "failed":
                assert job["error"]["code"] == "disk_full", job
            else:
                assert job["status"] in allowed, job
            keys = [(output["node_id"], output["name"]) for output in job["outputs"]]
            assert len(set(keys)) == len(keys)
            if job["status"] == "succeeded":
                assert [node for node, _ in keys] in (["2"], ["2", "3"])
                unseen += runs[number] == 0
            for output in job["outputs"]:
                answer = await self._client.get(f"/api/v2/assets/{output['id']}/content")
                assert answer.status_code == 200, answer.text
                assert self.rig.is_picture_of(number, answer.content), (number, output)
            # Only the death of an engine may cost a job a second execution, and each at most one.
            assert runs[number] <= 1 + self.deaths, number
        assert unseen <= _INSIDE * self.deaths
        assert runs.total() - len(runs) <= _INSIDE * self.deaths, runs.most_common(5)

    def assert_disk(self) -> None:
        """After the end: the database is whole, and files and rows are the same."""
        folder = self.rig.studio.studio_dir
        with closing(sqlite3.connect(folder / "db" / "studio.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = Counter(
                connection.execute(
                    "SELECT job_id, node_id, output_index FROM assets WHERE job_id IS NOT NULL"
                ).fetchall()
            )
            assert set(found.values()) <= {1}
            hashes = {
                row[0].removeprefix("blake3:")
                for row in connection.execute("SELECT hash FROM assets")
            }
            rows = connection.execute("SELECT id, completed_at FROM jobs").fetchall()
        assert {row[0] for row in rows} == self.jobs.keys()
        assert all(row[1] is not None for row in rows)
        files = {p.name for p in (folder / "assets").rglob("*") if p.is_file()}
        assert files == hashes


@contextlib.asynccontextmanager
async def chaos(rig: Rig, seed: int) -> AsyncIterator[Chaos]:
    """A driver of what ``rig`` started."""
    print(f"seed {seed}")
    driver = Chaos(rig, seed)
    try:
        yield driver
    finally:
        await driver.close()


async def submit_while_killing(
    driver: Chaos, jobs: int, *, studio_kills: int, engine_kills: int, pause_s: float
) -> None:
    """Submit at an even pace while the kills happen at moments of the seed.

    Each kill has its own share of the jobs and happens while that is submitted.
    """
    kinds = ["studio"] * studio_kills + ["engine"] * engine_kills
    driver.chance.shuffle(kinds)

    async def kill(kind: str) -> None:
        await asyncio.sleep(pause_s * driver.chance.uniform(0.1, 0.9))
        await (driver.kill_studio() if kind == "studio" else driver.kill_engine())

    async def submit(numbers: range) -> None:
        for number in numbers:
            await driver.submit(doubled=number % 3 == 0)
            await asyncio.sleep(pause_s * len(kinds) / jobs)

    for index, kind in enumerate(kinds):
        share = range(jobs * index // len(kinds), jobs * (index + 1) // len(kinds))
        await asyncio.gather(kill(kind), submit(share))


async def finish(driver: Chaos, *, within_s: float) -> dict[str, dict[str, Any]]:
    """Let everything end, stop Studio, and check it all."""
    ended = await driver.settle(within_s)
    await driver.assert_ends(ended)
    child = driver.rig.studio.child
    assert child is not None
    family = set(descendants(child.pid))
    assert await asyncio.to_thread(driver.rig.studio.terminate) == 0, "its disk is not full"
    assert [pid for pid in family if is_alive(pid)] == []
    driver.assert_disk()
    return ended


async def walk(driver: Chaos, seconds: float) -> None:
    """Do anything at any time, in turns with stretches in which no process is killed.

    In those Studio's files and memory are looked at: a process that lives for seconds hides a leak.
    """
    stretches = max(2, round(seconds / _STRETCH_S / 2) * 2)
    for number in range(stretches):
        if number % 2:
            await _walk_steadily(driver, seconds / stretches)
        else:
            await _walk_for(driver, seconds / stretches, _STORM)


async def _walk_steadily(driver: Chaos, seconds: float) -> None:
    await _walk_for(driver, seconds / 3, _STEADY)
    before = await _at_rest(driver)
    await _walk_for(driver, seconds * 2 / 3, _STEADY)
    after = await _at_rest(driver)
    print(f"{len(driver.jobs)} jobs; at rest: {before}, then {after}")
    for first, last in zip(before, after, strict=True):
        assert last.pid == first.pid, "nobody killed it"
        assert last.files <= first.files + _MORE_FILES, (first, last)
        assert last.threads <= first.threads + _MORE_THREADS, (first, last)
        assert last.mebibytes <= first.mebibytes + _MORE_MEBIBYTES, (first, last)


async def _at_rest(driver: Chaos) -> list[Footprint]:
    """What Studio, and bootstrap where it is the parent, hold while nothing is to be done."""
    await driver.settle(_REST_S)
    pid, child = await driver.rig.studio_pid(), driver.rig.studio.child
    assert pid is not None and child is not None, "there is no Studio"
    return [footprint(each) for each in sorted({child.pid, pid})]


async def _walk_for(driver: Chaos, seconds: float, weights: dict[str, int]) -> None:
    deadline = time.monotonic() + seconds
    names, shares = list(weights), list(weights.values())
    filling: asyncio.Task[None] | None = None
    try:
        while time.monotonic() < deadline:
            match driver.chance.choices(names, shares)[0]:
                case "submit":
                    await driver.submit(doubled=driver.chance.random() < 0.3)
                case "cancel":
                    await driver.cancel_one()
                case "kill studio":
                    await driver.kill_studio()
                case "restart studio":
                    await driver.restart_studio()
                case "kill engine":
                    await driver.kill_engine()
                case "cut":
                    await driver.cut()
                case "full disk" if filling is None or filling.done():
                    # Beside all others: what comes meanwhile is what it is for.
                    filling = asyncio.create_task(driver.fill_disk())
            await asyncio.sleep(driver.chance.random() * 0.2)
    finally:
        if filling is not None:
            await filling
