"""Between the row of a job and its safety from a power cut, while its engine works already."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import httpx
import pytest

from studio.store.disk_speed import DiskSpeed
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside, until

_HELD_S = 20.0


class SlowSyncs:
    """The syncs of a disk that takes its time, until somebody lets them go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.error: OSError | None = None
        self._go_on = threading.Event()
        self._sync = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._wait)
        # A disk like that is waited for on a thread.
        monkeypatch.setattr(DiskSpeed, "is_quick", False)

    def let_go(self, error: OSError | None = None) -> None:
        """From now on they take no time; one that waits ends with ``error``."""
        self.error = error
        self._go_on.set()

    def _wait(self, handle: int) -> None:
        self.begun += 1
        assert self._go_on.wait(_HELD_S)
        error, self.error = self.error, None
        if error is not None:
            raise error
        self._sync(handle)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> SlowSyncs:
    return SlowSyncs(monkeypatch)


def submitting(api: Api, text: str) -> asyncio.Task[httpx.Response]:
    """A submit that is under way."""
    return asyncio.create_task(api.client.post("/api/jobs", json={"workflow": saved(text)}))


async def test_an_engine_works_while_a_job_is_synced_and_its_caller_hears_only_then(
    engine: FakeComfy, tmp_path: Path, syncs: SlowSyncs
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url], kind="embedded")) as api:
        await api.wait_engine("ready")
        answer = submitting(api, "fox")
        await until(lambda: engine.runs.get("fox") == 1, "the engine runs it")
        assert syncs.begun == 1
        assert not answer.done()

        syncs.let_go()
        accepted = await answer
        assert accepted.status_code == 201
        assert (await api.wait(accepted.json()["id"]))["status"] == "succeeded"
        assert engine.runs == {"fox": 1}


async def test_a_job_that_cannot_be_synced_is_refused_and_taken_back_from_its_engine(
    engine: FakeComfy, tmp_path: Path, syncs: SlowSyncs
) -> None:
    engine.hold("node")
    async with studio_inside(settings_for(tmp_path, [engine.url], kind="embedded")) as api:
        await api.wait_engine("ready")
        answer = submitting(api, "fox")
        await until(lambda: engine.arrived["node"] == 1, "the engine runs it")
        syncs.let_go(OSError(errno.EIO, "Input/output error"))
        refused = await answer
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "storage_unavailable"

        await until(lambda: engine.cancels, "the engine is asked for its end")
        engine.open_all()

        [listed] = (await api.client.get("/api/v2/jobs")).json()["jobs"]
        ended = await api.wait(listed["id"])
        assert (ended["status"], ended["outputs"]) == ("canceled", [])
        after = await api.submit(saved("after"))
        assert (await api.wait(after))["status"] == "succeeded"


async def test_an_engine_elsewhere_gets_a_job_only_once_it_is_synced(
    engine: FakeComfy, tmp_path: Path, syncs: SlowSyncs
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_engine("ready")
        job = await api.wait(await api.submit(saved("fox")))
        assert job["status"] == "succeeded"
        assert syncs.begun == 0
