"""Whoever asked for a job may be gone before it is stored: it is in the queue all the same."""

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
    """A submit whose caller is cancelled while the commit waits."""
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
