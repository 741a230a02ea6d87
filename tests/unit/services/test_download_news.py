"""What readers of the feed are told of downloads, whatever happens to the database meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from studio.errors import StorageUnavailable
from studio.models import ROLE_SCOPES, Identity, Role
from studio.services.download_line import DownloadView
from studio.services.download_news import DownloadNews
from studio.services.feed import Feed, Reader
from studio.services.news import Frame, News, Topic
from studio.store.downloads import DownloadLimits
from tests.fakes.download_rig import open_rig

OWNER = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])


async def test_a_database_that_stumbles_costs_readers_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Mapping[str, Any]] = []
    arrived = asyncio.Event()

    def hear(news: News) -> Frame:
        if news.event == "changed" and isinstance(news.data, Mapping):
            heard.append(news.data)
            arrived.set()
        return b"told"

    async with open_rig(tmp_path) as rig:
        feed = Feed(is_live=lambda _: True, linger_s=0.0)
        feed.connect(DownloadNews(feed=feed, downloads=rig.downloads, tell_every_s=0.01))
        reader = Reader(OWNER, kind="owner", render=hear)
        reader.topics |= {Topic.DOWNLOADS}
        feed.enter(reader)
        get, asked = rig.downloads.get, 0

        async def stumbling(download_id: str) -> DownloadView:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise StorageUnavailable("The database cannot be read.")
            return await get(download_id)

        monkeypatch.setattr(rig.downloads, "get", stumbling)
        failed = await rig.ended("http://127.0.0.1:1/never.safetensors")

        async def told(**wanted: object) -> dict[str, Any]:
            """The news of something that changed with those facts of one of its items."""
            async with asyncio.timeout(20):
                while True:
                    arrived.clear()
                    for data in heard:
                        if any(wanted.items() <= one.items() for one in [data, *data["items"]]):
                            return dict(data)
                    await arrived.wait()

        await told(id=failed.id, state="failed")
        await rig.downloads.set_limits(DownloadLimits(concurrency=3))
        changed = await told(limits={"concurrency": 3, "bytes_per_second": None})
        assert changed["gone"] == []
        feed.leave(reader)


async def test_one_that_looks_at_the_file_that_is_there_can_be_paused(tmp_path: Path) -> None:
    """Reading forty gigabytes takes minutes, and nobody who says pause or stop waits for that."""
    there = tmp_path / "models" / "loras" / "large.safetensors"
    there.parent.mkdir(parents=True)
    size = 16 << 30
    with there.open("wb") as file:
        file.truncate(size)
    async with open_rig(tmp_path) as rig:
        added = await rig.add(
            "http://127.0.0.1:1/large.safetensors", sha256="f" * 64, size_bytes=size
        )
        looking = asyncio.Event()

        def look(_: str) -> None:
            if any(one.row.state == "downloading" for one in rig.downloads.active()):
                looking.set()

        rig.downloads.on_change(look)
        async with asyncio.timeout(30):
            await looking.wait()
        assert (await rig.downloads.pause(added.id)).row.state == "paused"
        await rig.downloads.cancel(added.id)
