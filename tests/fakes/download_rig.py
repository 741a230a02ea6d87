"""Downloads in a folder of their own, with the real transfers, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from studio.clients.transfer.records import Rules
from studio.clients.transfer.throttle import Throttle
from studio.clients.transfer.transfer import Transfer
from studio.clock import Clock
from studio.models import OWNER_ID
from studio.net import Outbound
from studio.remote import RemoteFile, Tokens, Wish
from studio.services.download_runs import Means, PublishedFile
from studio.services.download_work import DownloadWork
from studio.services.downloads import Downloads
from studio.services.https_source import HttpsSource
from studio.services.shelves import Shelves
from studio.services.source_tokens import SourceTokens
from studio.store.db import Database
from studio.store.downloads import Download, DownloadStore
from studio.store.migrations import migrate
from studio.store.part_files import PartFile
from studio.store.part_folders import FOLDER

CHUNK = 64 << 10
QUICK = Rules(
    stall_s=2.0,
    head_s=2.0,
    tries=6,
    first_delay_s=0.01,
    longest_delay_s=0.05,
    longest_wait_s=2.0,
    sync_every_s=0.1,
)


def safetensors(size: int, seed: int) -> bytes:
    """A file of that format of exactly ``size`` bytes, its numbers by ``seed``."""
    for guess in range(size - 8, 0, -1):
        header = json.dumps(
            {"a": {"dtype": "U8", "shape": [guess], "data_offsets": [0, guess]}}
        ).encode()
        left = size - 8 - len(header) - guess
        if left >= 0:
            header += b" " * left
            return struct.pack("<Q", len(header)) + header + random.Random(seed).randbytes(guess)
    raise ValueError(size)


@dataclass
class Rig:
    """An opened queue, its folders, and what was published."""

    folder: Path
    downloads: Downloads
    work: DownloadWork
    shelves: Shelves
    published: list[PublishedFile]

    async def add(self, url: str, **facts: object) -> Download:
        wish = Wish(url, str(facts.pop("folder", "loras")), **facts)  # type: ignore[arg-type]
        return await self.downloads.add(wish, by=OWNER_ID)

    async def ended(self, url: str, **facts: object) -> Download:
        added = await self.add(url, **facts)
        async with asyncio.timeout(30):
            return await self.downloads.wait(added.id)

    def models(self) -> dict[str, bytes]:
        """Every file that an engine would find, by its place."""
        return files_of(self.shelves.models)

    def leftovers(self) -> list[str]:
        """What lies in the folders of parts."""
        return sorted(path.name for path in self.folder.glob(f"**/{FOLDER}/*/*") if path.is_file())


def files_of(models: Path) -> dict[str, bytes]:
    """Every file below ``models`` that is no part."""
    return {
        str(path.relative_to(models)): path.read_bytes()
        for path in models.glob("**/*")
        if path.is_file() and FOLDER not in path.parts
    }


@contextlib.asynccontextmanager
async def open_rig(
    folder: Path,
    *,
    rules: Rules = QUICK,
    tokens: Tokens | None = None,
    retry_s: Sequence[float] = (),
    allow: Sequence[str] = ("127.0.0.0/8",),
) -> AsyncIterator[Rig]:
    """A queue over ``folder``; what an earlier one left is taken up."""
    clock, db = Clock(), Database(folder / "studio.db")
    await db.open(lambda connection: (migrate(connection), None)[1])
    outbound, throttle, store = Outbound(allow), Throttle(), DownloadStore(db)
    tls, source = ssl.create_default_context(), HttpsSource(outbound)
    threads = ThreadPoolExecutor(16)
    held = tokens or SourceTokens({"HF_TOKEN": "", "CIVITAI_API_KEY": ""}, lambda _: None)

    def fetching(remote: RemoteFile, part: PartFile) -> Transfer:
        return Transfer(
            remote=remote,
            part=part,
            outbound=outbound,
            tokens=held,
            throttle=throttle,
            tls=tls,
            rules=rules,
        )

    means = Means(
        resolver=source,
        shelves=Shelves(folder / "models", folder / "llm", folder / "cache"),
        fetching=fetching,
        part=lambda path: PartFile(path, chunk_bytes=CHUNK, reserve_bytes=0),
        owner=await store.owner(),
        threads=threads,
    )
    work = DownloadWork(store=store, means=means, clock=clock, retry_s=retry_s)
    downloads = Downloads(
        store=store,
        work=work,
        means=means,
        throttle=throttle,
        clock=clock,
        check_reference=source.check,
    )
    published: list[PublishedFile] = []

    async def note(file: PublishedFile) -> None:
        published.append(file)

    downloads.on_published(note)
    await downloads.open()
    running = asyncio.create_task(downloads.run())
    try:
        yield Rig(folder, downloads, work, means.shelves, published)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        threads.shutdown()
        await db.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A queue in a folder of the test's own."""
    async with open_rig(tmp_path) as opened:
        yield opened
