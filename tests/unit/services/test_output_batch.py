"""Copying outputs in batches: alone when idle, together when busy, each with its own verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio.services.output_batch import MAX_BATCH, OutputBatch
from studio.store.blobs import BlobStore, StagedBlob

Sources = Sequence[tuple[Path, Path | None]]


class Copies:
    """A real blob store that remembers how many files each call had."""

    def __init__(self, root: Path) -> None:
        self.blobs = BlobStore(root)
        self.calls: list[int] = []

    def stage(self, sources: Sources) -> list[StagedBlob | Exception]:
        self.calls.append(len(sources))
        return self.blobs.stage_files(sources)


def _files(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


async def test_files_of_a_busy_moment_share_one_call(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "assets")
    batch = OutputBatch(stage=copies.stage, is_busy=lambda: True)
    paths = _files(tmp_path / "output", 5)
    staged = await asyncio.gather(*(batch.add(path, tmp_path / "output") for path in paths))
    assert copies.calls == [5]
    assert [blob.path.read_bytes() for blob in staged] == [p.name.encode() for p in paths]


async def test_a_batch_has_an_upper_limit(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "assets")
    batch = OutputBatch(stage=copies.stage, is_busy=lambda: True)
    paths = _files(tmp_path / "output", MAX_BATCH + 1)
    await asyncio.gather(*(batch.add(path, tmp_path / "output") for path in paths))
    assert copies.calls == [MAX_BATCH, 1]


async def test_one_missing_file_fails_alone(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "assets")
    batch = OutputBatch(stage=copies.stage, is_busy=lambda: True)
    (good,) = _files(tmp_path / "output", 1)
    gone = tmp_path / "output" / "gone.png"
    results = await asyncio.gather(
        batch.add(good, tmp_path / "output"),
        batch.add(gone, tmp_path / "output"),
        return_exceptions=True,
    )
    assert isinstance(results[0], StagedBlob)
    assert isinstance(results[1], FileNotFoundError)


async def test_a_batch_goes_on_after_a_caller_gave_up(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "assets")
    batch = OutputBatch(stage=copies.stage, is_busy=lambda: True)
    first, second = _files(tmp_path / "output", 2)
    impatient = asyncio.create_task(batch.add(first, tmp_path / "output"))
    patient = asyncio.create_task(batch.add(second, tmp_path / "output"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).path.read_bytes() == b"1.png"
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_an_error_that_nobody_expected_reaches_all_who_wait_and_the_next_is_served(
    tmp_path: Path,
) -> None:
    copies = Copies(tmp_path / "assets")
    broken = True

    def stage(sources: Sources) -> list[StagedBlob | Exception]:
        if broken:
            raise RuntimeError("unexpected")
        return copies.stage(sources)

    batch = OutputBatch(stage=stage, is_busy=lambda: True)
    paths = _files(tmp_path / "output", MAX_BATCH + 1)
    waiting = asyncio.gather(
        *(batch.add(path, tmp_path / "output") for path in paths), return_exceptions=True
    )
    results = await asyncio.wait_for(waiting, 10)
    assert {type(result) for result in results} == {RuntimeError}
    broken = False
    staged = await asyncio.wait_for(batch.add(paths[0], tmp_path / "output"), 10)
    assert staged.path.read_bytes() == b"0.png"


async def test_a_name_that_no_file_can_have_fails_alone(tmp_path: Path) -> None:
    batch = OutputBatch(stage=Copies(tmp_path / "assets").stage, is_busy=lambda: True)
    (good,) = _files(tmp_path / "output", 1)
    results = await asyncio.gather(
        batch.add(good, tmp_path / "output"),
        batch.add(tmp_path / "output" / "a\0b.png", tmp_path / "output"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StagedBlob, ValueError]
