"""Downloads that somebody and their own attempt change at once, or that cannot be stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.errors import StorageUnavailable
from studio.store.downloads import Download, DownloadState, DownloadStore
from tests.fakes.download_rig import Rig, open_rig, safetensors
from tests.fakes.origin import Origin, running_origin

SIZE = 300_001
MODEL = safetensors(SIZE, 1)
NAME = "a.safetensors"


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with running_origin() as running:
        yield running


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


class HeldPut:
    """Rows of one kind, the first of which is stored only when somebody lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()
        put = DownloadStore.put

        async def held(store: DownloadStore, row: Download) -> None:
            fits = all(getattr(row, name) == value for name, value in facts.items())
            if fits and not self.reached.is_set():
                self.reached.set()
                await self.let_go.wait()
            await put(store, row)

        monkeypatch.setattr(DownloadStore, "put", held)


async def begun(rig: Rig, download_id: str) -> None:
    """Wait until some of a download is here."""
    while True:
        if (await rig.downloads.get(download_id)).progress.received:
            return
        await asyncio.sleep(0.01)


async def test_a_new_turn_is_kept_though_its_attempt_is_being_noted(
    origin: Origin, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.serve(NAME, MODEL)
    noting = HeldPut(monkeypatch, state=DownloadState.DOWNLOADING)
    async with asyncio.timeout(30):
        row = await rig.add(origin.url(NAME))
        await noting.reached.wait()
        moving = asyncio.create_task(rig.downloads.move(row.id, priority=7))
        await asyncio.wait([moving], timeout=0.5)
        noting.let_go.set()
        await moving
        done = await rig.downloads.wait(row.id)
    assert (done.state, done.priority) == (DownloadState.DONE, 7)


async def test_one_that_ends_while_it_gets_another_turn_has_ended(
    origin: Origin, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = origin.serve(NAME, MODEL, holds_after=100_000)
    moved = HeldPut(monkeypatch, priority=7)
    async with asyncio.timeout(30):
        row = await rig.add(origin.url(NAME))
        await begun(rig, row.id)
        moving = asyncio.create_task(rig.downloads.move(row.id, priority=7))
        await moved.reached.wait()
        file.holds_after = None
        ending = asyncio.create_task(rig.downloads.wait(row.id))
        await asyncio.wait([ending], timeout=1.0)
        moved.let_go.set()
        await asyncio.wait([moving])
        assert (await ending).state is DownloadState.DONE
        found = await rig.downloads.get(row.id)
    assert found.row.state is DownloadState.DONE
    assert rig.models() == {f"loras/{NAME}": MODEL}


async def test_a_pause_that_cannot_be_stored_lets_it_go_on(
    origin: Origin, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = origin.serve(NAME, MODEL, holds_after=100_000)
    put = DownloadStore.put

    async def refusing(store: DownloadStore, row: Download) -> None:
        if row.state is DownloadState.PAUSED:
            raise StorageUnavailable("The disk takes nothing.")
        await put(store, row)

    monkeypatch.setattr(DownloadStore, "put", refusing)
    async with asyncio.timeout(30):
        row = await rig.add(origin.url(NAME))
        await begun(rig, row.id)
        with pytest.raises(StorageUnavailable):
            await rig.downloads.pause(row.id)
        file.holds_after = None
        done = await rig.downloads.wait(row.id)
    assert done.state is DownloadState.DONE
    assert rig.models() == {f"loras/{NAME}": MODEL}


async def test_a_file_of_another_size_is_refused_before_it_is_fetched(
    origin: Origin, rig: Rig
) -> None:
    origin.serve(NAME, MODEL)
    row = await rig.ended(origin.url(NAME), size_bytes=SIZE + 1)
    assert row.error is not None
    assert (row.state, row.error.code) == (DownloadState.FAILED, "hash_mismatch")
    assert len(origin.asked) == 1
    assert (rig.models(), rig.leftovers()) == ({}, [])
