"""While a commit waits, whoever asked may leave, and engines go on: each job runs once, or not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

from studio.store.db import Database
from studio.store.disk_speed import DiskSpeed
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside, until

_HELD_S = 20.0


class SlowWrites:
    """A database whose thread is busy with something else while the next write waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_armed = False
        self.waiting = 0
        self._go_on = threading.Event()
        self._others: list[asyncio.Task[bool]] = []
        write, slow = Database.write, self

        async def wait_and_write(db: Database, *given: Any, **options: Any) -> Any:
            if slow.is_armed:
                slow.is_armed = False
                slow._others.append(asyncio.create_task(db.read(lambda _: slow._wait())))
                await asyncio.sleep(0)
                slow.waiting += 1
            return await write(db, *given, **options)

        monkeypatch.setattr(Database, "write", wait_and_write)
        # Work of a slow disk is done on the thread.
        monkeypatch.setattr(DiskSpeed, "is_quick", False)

    def _wait(self) -> bool:
        return self._go_on.wait(_HELD_S)

    async def let_go(self) -> None:
        self._go_on.set()
        assert all(await asyncio.gather(*self._others))


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> SlowWrites:
    return SlowWrites(monkeypatch)


async def given_up(api: Api, writes: SlowWrites, path: str, body: dict[str, Any]) -> None:
    """A request whose caller is cancelled while the commit waits."""
    writes.is_armed = True
    asking = asyncio.create_task(api.client.post(path, json=body))
    await until(lambda: writes.waiting, "the commit waits")
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await writes.let_go()


@pytest.mark.parametrize("kind", ["embedded", "remote"])
async def test_a_job_whose_caller_left_while_it_was_stored_runs_once_and_can_be_found(
    engine: FakeComfy, tmp_path: Path, writes: SlowWrites, kind: str
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url], kind=kind)) as api:
        await api.wait_engine("ready")
        await given_up(api, writes, "/api/jobs", {"workflow": saved("fox")})
        [listed] = (await api.client.get("/api/v2/jobs")).json()["jobs"]
        assert (await api.wait(listed["id"]))["status"] == "succeeded"
        assert engine.runs == {"fox": 1}


async def test_a_job_whose_caller_left_while_it_was_stored_can_be_cancelled(
    engine: FakeComfy, tmp_path: Path, writes: SlowWrites
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url], kind="remote")) as api:
        await api.wait_engine("ready")
        await api.client.post("/api/queue/pause")
        await given_up(api, writes, "/api/jobs", {"workflow": saved("fox")})
        [listed] = (await api.client.get("/api/v2/jobs")).json()["jobs"]
        await api.client.post(f"/api/v2/jobs/{listed['id']}/cancel")
        assert (await api.get(listed["id"]))["status"] == "canceled"
        assert engine.runs == {}


async def test_a_waiting_job_whose_canceller_left_ends_cancelled_all_the_same(
    engine: FakeComfy, tmp_path: Path, writes: SlowWrites
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url], kind="remote")) as api:
        await api.wait_engine("ready")
        await api.client.post("/api/queue/pause")
        job_id = await api.submit(saved("fox"))
        await given_up(api, writes, f"/api/v2/jobs/{job_id}/cancel", {})
        assert (await api.wait(job_id))["status"] == "canceled"
        await api.client.post("/api/queue/resume")
        assert (await api.wait(await api.submit(saved("hen"))))["status"] == "succeeded"
        assert engine.runs == {"hen": 1}
        queue = (await api.client.get("/api/queue")).json()
        assert (queue["depth"], queue["next"]) == (0, [])


async def test_a_job_that_is_sent_while_room_is_made_for_its_move_runs_once(
    engine: FakeComfy, other_engine: FakeComfy, tmp_path: Path, writes: SlowWrites
) -> None:
    fakes = (engine, other_engine)
    for fake in fakes:
        fake.hold("node")
    async with studio_inside(settings_for(tmp_path, [fake.url for fake in fakes])) as api:
        for number in range(2):
            await api.wait_engine("ready", number)
        inside = [await api.submit(saved(f"inside {number}")) for number in range(4)]
        await until(lambda: sum(len(fake.posts) for fake in fakes) == 4, "both engines are full")
        texts = ("head", "left", "right")
        head, left, right = [await api.submit(saved(text)) for text in texts]
        # Each halves the distance, until floats have none left between the first two of them,
        # which are the fifth and the sixth job of this Studio.
        low, high = 5.0, 6.0
        while low < (middle := (low + high) / 2) < high:
            high = middle
            await api.client.post(f"/api/jobs/{right}/move", json={"before": left})
            left, right = right, left
        writes.is_armed = True
        moving = asyncio.create_task(
            api.client.post(f"/api/jobs/{right}/move", json={"before": left})
        )
        await until(lambda: writes.waiting, "room is made")
        for fake in fakes:
            fake.open_all()
        await until(lambda: engine.finished.total() + other_engine.finished.total() == 4)
        await asyncio.sleep(0.2)
        await writes.let_go()
        answer = await moving
        done = await api.wait_all([*inside, head, left, right])

        assert {job["status"] for job in done} == {"succeeded"}
        ran = engine.runs + other_engine.runs
        assert {text: ran[text] for text in texts} == dict.fromkeys(texts, 1)
        assert answer.status_code == 409, answer.text
