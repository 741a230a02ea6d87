"""The queue of downloads: what is wanted comes once, whole and right, or says why not."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest

from studio.errors import (
    BlockedAddress,
    Conflict,
    InvalidRequest,
    NameTaken,
    NotAModel,
    NotFound,
    PickleRefused,
    StudioError,
    Unprocessable,
)
from studio.services.downloads import Downloads
from studio.store.downloads import DownloadLimits, DownloadState
from tests.fakes.download_rig import Rig, open_rig, safetensors
from tests.fakes.download_rig import rig as rig
from tests.fakes.origin import Origin
from tests.fakes.origin import origin as origin

SIZE = 700_001
MODEL = safetensors(SIZE, 1)
OTHER = safetensors(SIZE, 2)
DIGEST = hashlib.sha256(MODEL).hexdigest()


async def until_state(downloads: Downloads, download_id: str, state: DownloadState) -> None:
    changed = asyncio.Event()
    downloads.on_change(lambda _: changed.set())
    async with asyncio.timeout(20):
        while (await downloads.get(download_id)).row.state is not state:
            changed.clear()
            await changed.wait()


async def some_bytes(rig: Rig, download_id: str, least: int) -> None:
    async with asyncio.timeout(20):
        while (await rig.downloads.get(download_id)).progress.received < least:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_file_gets_its_name_once_it_is_whole_and_right(origin: Origin, rig: Rig) -> None:
    origin.serve("detail.safetensors", MODEL)
    row = await rig.ended(origin.url("detail.safetensors"), sha256=DIGEST.upper())
    assert (row.state, row.sha256, row.size_bytes) == (DownloadState.DONE, DIGEST, SIZE)
    assert rig.models() == {"loras/detail.safetensors": MODEL}
    assert rig.leftovers() == []
    assert [file.sha256 for file in rig.published] == [DIGEST]


async def test_the_same_file_wanted_twice_is_fetched_once(origin: Origin, rig: Rig) -> None:
    origin.serve("a.safetensors", MODEL)
    url = origin.url("a.safetensors")
    found = await asyncio.gather(
        *(rig.add(url) for _ in range(5)),
        *(rig.add(f"{url}?x={n}", sha256=DIGEST) for n in range(5)),
    )
    by_name = {row.id for row in found[:5]}
    assert len(by_name) == 1
    for download_id in {row.id for row in found}:
        await rig.downloads.wait(download_id)
    assert origin.sent <= SIZE + len(origin.asked)
    assert rig.models() == {"loras/a.safetensors": MODEL}


async def test_two_files_that_want_one_name_are_not_taken_for_one(origin: Origin, rig: Rig) -> None:
    origin.serve("a.safetensors", MODEL)
    await rig.downloads.set_limits(DownloadLimits(2, 200_000))
    first = await rig.add(origin.url("a.safetensors"), sha256=DIGEST)
    with pytest.raises(NameTaken):
        await rig.add(origin.url("a.safetensors"), sha256="0" * 64)
    same = await rig.add(origin.url("a.safetensors"))
    assert same.id == first.id


async def test_what_is_there_with_the_wanted_hash_is_not_fetched_again(
    origin: Origin, rig: Rig
) -> None:
    origin.serve("a.safetensors", MODEL)
    url = origin.url("a.safetensors")
    await rig.ended(url)
    asked = len(origin.asked)
    row = await rig.ended(url, sha256=DIGEST)
    assert (row.state, row.sha256) == (DownloadState.DONE, DIGEST)
    assert len(origin.asked) == asked


async def test_another_file_of_that_name_stays_unless_the_owner_says_so(
    origin: Origin, rig: Rig
) -> None:
    target = rig.shelves.models / "loras" / "a.safetensors"
    target.parent.mkdir(parents=True)
    target.write_bytes(OTHER)
    origin.serve("a.safetensors", MODEL)
    row = await rig.ended(origin.url("a.safetensors"))
    assert row.error is not None
    assert (row.state, row.error.code) == (DownloadState.FAILED, "name_taken")
    assert target.read_bytes() == OTHER
    row = await rig.ended(origin.url("a.safetensors"), replace=True)
    assert row.state is DownloadState.DONE
    assert target.read_bytes() == MODEL


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.safetensors", b"\x80\x04" + bytes(100), "not_a_model"),
        ("a.safetensors", b"<!DOCTYPE html><html>" + bytes(100), "not_a_model"),
        ("a.safetensors", MODEL[:-1], "not_a_model"),
        ("a.gguf", b"GGUF" + bytes(100), "not_a_model"),
        ("a.onnx", b"\x80\x04" + bytes(100), "pickle_refused"),
    ],
)
async def test_what_is_no_model_is_never_published(
    origin: Origin, rig: Rig, name: str, content: bytes, code: str
) -> None:
    origin.serve(name, content)
    row = await rig.ended(origin.url(name))
    assert row.error is not None
    assert (row.state, row.error.code) == (DownloadState.FAILED, code)
    assert rig.models() == {}
    assert rig.leftovers() == []


async def test_a_wrong_hash_is_never_published_and_takes_no_space(origin: Origin, rig: Rig) -> None:
    origin.serve("a.safetensors", OTHER)
    row = await rig.ended(origin.url("a.safetensors"), sha256=DIGEST)
    assert row.error is not None
    assert row.error.code == "hash_mismatch"
    assert rig.models() == {}
    assert rig.leftovers() == []


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"name": "../a.safetensors"}, InvalidRequest),
        ({"name": "/a.safetensors"}, InvalidRequest),
        ({"name": "a.ckpt"}, PickleRefused),
        ({"name": "a.exe"}, NotAModel),
        ({"folder": "../x"}, InvalidRequest),
        ({"folder": "custom_nodes"}, InvalidRequest),
        ({"root": "elsewhere"}, InvalidRequest),
        ({"sha256": "0" * 63}, Unprocessable),
        ({"size_bytes": 0}, Unprocessable),
        ({"priority": 101}, Unprocessable),
    ],
    ids=str,
)
async def test_a_wish_that_makes_no_sense_waits_in_no_queue(
    rig: Rig, facts: dict[str, object], error: type[StudioError]
) -> None:
    with pytest.raises(error):
        await rig.add("http://127.0.0.1:1/a.safetensors", **facts)
    assert await rig.downloads.list() == []


async def test_an_address_that_nothing_is_fetched_from_waits_in_no_queue(rig: Rig) -> None:
    with pytest.raises(BlockedAddress):
        await rig.add("https://169.254.169.254/a.safetensors")
    assert await rig.downloads.list() == []


async def test_a_pickle_comes_with_the_owners_word_alone(origin: Origin, rig: Rig) -> None:
    content = b"\x80\x04" + bytes(5000)
    origin.serve("a.ckpt", content)
    row = await rig.ended(origin.url("a.ckpt"), allow_pickle=True)
    assert row.state is DownloadState.DONE
    assert rig.models() == {"loras/a.ckpt": content}


async def test_a_paused_one_keeps_what_came_and_goes_on_there(origin: Origin, rig: Rig) -> None:
    file = origin.serve("a.safetensors", MODEL)
    await rig.downloads.set_limits(DownloadLimits(2, 500_000))
    row = await rig.add(origin.url("a.safetensors"))
    await some_bytes(rig, row.id, SIZE // 4)
    paused = await rig.downloads.pause(row.id)
    assert paused.row.state is DownloadState.PAUSED
    kept = paused.progress.received
    assert kept >= SIZE // 4
    starts = len(origin.asked)
    await rig.downloads.set_limits(DownloadLimits(2, None))
    await rig.downloads.resume(row.id)
    done = await rig.downloads.wait(row.id)
    assert done.state is DownloadState.DONE
    assert rig.models() == {"loras/a.safetensors": MODEL}
    wanted = 0
    for asked in origin.asked[starts:]:
        first, last = (asked.stretch or "bytes=0-0").removeprefix("bytes=").split("-")
        wanted += int(last) - int(first) + 1
    assert wanted - 1 <= SIZE - kept
    assert file.asked == len(origin.asked)


async def test_a_cancelled_one_leaves_nothing(origin: Origin, rig: Rig) -> None:
    origin.serve("a.safetensors", MODEL)
    await rig.downloads.set_limits(DownloadLimits(2, 300_000))
    row = await rig.add(origin.url("a.safetensors"))
    await some_bytes(rig, row.id, 50_000)
    await rig.downloads.cancel(row.id)
    assert (await rig.downloads.wait(row.id)).state is DownloadState.CANCELED
    assert rig.leftovers() == []
    with pytest.raises(Conflict):
        await rig.downloads.pause(row.id)
    await rig.downloads.cancel(row.id)
    with pytest.raises(NotFound):
        await rig.downloads.get(row.id)


async def test_one_that_failed_is_tried_again_when_somebody_asks(origin: Origin, rig: Rig) -> None:
    url = origin.url("a.safetensors")
    row = await rig.ended(url)
    assert row.error is not None
    assert row.error.code == "model_source_gone"
    origin.serve("a.safetensors", MODEL)
    await rig.downloads.retry(row.id)
    assert (await rig.downloads.wait(row.id)).state is DownloadState.DONE
    with pytest.raises(Conflict):
        await rig.downloads.retry(row.id)


async def test_a_disk_that_fills_at_99_percent_gets_its_space_back(
    origin: Origin, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(handle: int, data: memoryview, offset: int) -> int:
        if offset + len(data) > SIZE * 0.99:
            raise OSError(errno.ENOSPC, "full")
        return real(handle, data, offset)

    def reserve(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "cannot")

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", write)
    monkeypatch.setattr(os, "posix_fallocate", reserve)
    origin.serve("a.safetensors", MODEL)
    row = await rig.ended(origin.url("a.safetensors"))
    assert row.error is not None
    assert row.error.code == "disk_full"
    assert rig.models() == {}
    assert rig.leftovers() == []
    monkeypatch.undo()
    await rig.downloads.retry(row.id)
    assert (await rig.downloads.wait(row.id)).state is DownloadState.DONE


async def test_a_quota_is_met_before_anything_is_fetched(
    origin: Origin, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reserve(*_: int) -> None:
        raise OSError(errno.EDQUOT, "quota")

    monkeypatch.setattr(os, "posix_fallocate", reserve)
    origin.serve("a.safetensors", MODEL)
    row = await rig.ended(origin.url("a.safetensors"))
    assert row.error is not None
    assert row.error.code == "disk_full"
    assert len(origin.asked) == 1
    assert rig.leftovers() == []


async def test_a_server_that_comes_back_is_found_without_anybody(
    origin: Origin, tmp_path: Path
) -> None:
    origin.serve("a.safetensors", MODEL, refusals=[(500, {})] * 10)
    async with open_rig(tmp_path, retry_s=(0.05, 0.05, 0.05)) as rig:
        row = await rig.ended(origin.url("a.safetensors"))
    assert row.state is DownloadState.DONE
    assert row.error is None


async def test_the_order_is_priority_then_place(origin: Origin, rig: Rig) -> None:
    downloads = rig.downloads
    await downloads.set_limits(DownloadLimits(1, 100_000))
    for name in "abcd":
        origin.serve(f"{name}.safetensors", safetensors(2000, ord(name)))
    origin.serve("first.safetensors", MODEL)
    first = await rig.add(origin.url("first.safetensors"))
    await some_bytes(rig, first.id, 1)
    rows = {name: await rig.add(origin.url(f"{name}.safetensors")) for name in "abcd"}
    await downloads.move(rows["d"].id, priority=5)
    await downloads.move(rows["c"].id, before=rows["a"].id)
    waiting = [one.row.name for one in await downloads.list()][1:]
    assert waiting == [f"{name}.safetensors" for name in "dcab"]
    await downloads.set_limits(DownloadLimits(1, None))
    for row in rows.values():
        await downloads.wait(row.id)
    order = [file.name for file in rig.published]
    assert order == [f"{name}.safetensors" for name in ("first", *"dcab")]


async def test_fewer_at_once_counts_at_once_and_loses_nothing(origin: Origin, rig: Rig) -> None:
    downloads = rig.downloads
    await downloads.set_limits(DownloadLimits(3, 300_000))
    rows = []
    for number in range(3):
        origin.serve(f"{number}.safetensors", safetensors(SIZE, number))
        rows.append(await rig.add(origin.url(f"{number}.safetensors")))
    for row in rows:
        await some_bytes(rig, row.id, 1)
    await downloads.set_limits(DownloadLimits(1, 300_000))
    await until_state(downloads, rows[2].id, DownloadState.QUEUED)
    await until_state(downloads, rows[1].id, DownloadState.QUEUED)
    assert [one.row.id for one in downloads.active()] == [rows[0].id]
    await downloads.set_limits(DownloadLimits(3, None))
    for row in rows:
        assert (await downloads.wait(row.id)).state is DownloadState.DONE


async def test_the_queue_and_what_came_survive_a_restart(origin: Origin, tmp_path: Path) -> None:
    origin.serve("a.safetensors", MODEL)
    origin.serve("b.safetensors", OTHER)
    async with open_rig(tmp_path) as rig:
        await rig.downloads.set_limits(DownloadLimits(1, 400_000))
        first = await rig.add(origin.url("a.safetensors"))
        second = await rig.add(origin.url("b.safetensors"), priority=-1)
        await rig.downloads.pause(second.id)
        await some_bytes(rig, first.id, SIZE // 3)
    async with open_rig(tmp_path) as rig:
        assert rig.downloads.limits == DownloadLimits(1, 400_000)
        await rig.downloads.set_limits(DownloadLimits(1, None))
        assert (await rig.downloads.wait(first.id)).state is DownloadState.DONE
        assert (await rig.downloads.get(second.id)).row.state is DownloadState.PAUSED
        assert rig.models() == {"loras/a.safetensors": MODEL}
    # Nothing that was on disk came twice, but for the stretch that was under way.
    assert origin.sent < SIZE + SIZE // 2
