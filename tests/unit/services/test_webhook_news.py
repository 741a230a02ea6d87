"""Disks and engines, told when they are not as they were told of last."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from studio.clock import FrozenClock
from studio.models import OWNER_ID
from studio.services.webhook_news import WebhookNews
from studio.store.db import Database
from studio.store.migrations import migrate
from studio.store.outbox import Outbox
from studio.store.outbox_system import SystemOutbox
from studio.store.webhooks import Webhook, WebhookStore
from studio.webhook_signing import new_secret
from tests.faults.harness import until


class Watch:
    """News over a database, of disks and engines that a test makes up."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = FrozenClock(int(time.time() * 1000))
        self.volumes: list[dict[str, Any]] = []
        self.engines: list[dict[str, Any]] = []
        self.looks = 0

    async def subscribe(self, name: str, *events: str) -> None:
        now_ms = self.clock.now_ms()
        webhook = Webhook(
            id=name,
            user_id=OWNER_ID,
            user_name="",
            kind="system",
            name="",
            url="https://example.org/",
            events=events,
            created_at=now_ms,
            updated_at=now_ms,
        )
        await WebhookStore(self.db).add(webhook, new_secret(), most=20)

    async def told(self, name: str) -> list[str]:
        """What a webhook is to be told, in order."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                "SELECT type FROM webhook_deliveries WHERE webhook_id = ? ORDER BY seq", (name,)
            )
            return [row[0] for row in rows]

        return await self.db.read(work)

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """One life of Studio, which looks all the time and knows nothing but what is stored."""
        outbox = Outbox(self.db)
        system = SystemOutbox(self.db, outbox, self.clock)
        await system.open()
        await outbox.open(base=None, stored=lambda: None, start=lambda _: None)

        async def volumes() -> list[dict[str, Any]]:
            self.looks += 1
            return self.volumes

        news = WebhookNews(
            outbox=system,
            engines=lambda: self.engines,
            volumes=volumes,
            disk_every_s=0.0,
            look_every_s=0.0,
        )
        tasks = [asyncio.create_task(news.watch_disks()), asyncio.create_task(news.watch_engines())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def seen(self) -> None:
        """Everything was looked at as it is now."""
        begun = self.looks
        await until(lambda: self.looks > begun + 2, "it was looked at")


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    db = Database(tmp_path / "studio.db")

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)

    await db.open(prepare)
    yield Watch(db)
    await db.close()


def disk(level: str | None) -> dict[str, Any]:
    return {"roles": ["models", "outputs"], "level": level, "free_bytes": 1}


def engine(state: str) -> dict[str, Any]:
    return {"name": "comfyui", "kind": "comfyui", "state": state, "reason": "because"}


async def test_a_disk_is_told_of_each_time_it_fills_up_and_once(watch: Watch) -> None:
    await watch.subscribe("hook", "disk.low", "engine.*")
    watch.volumes = [disk("low")]
    for _ in range(3):
        async with watch.life():
            await watch.seen()
            assert await watch.told("hook") == ["disk.low"]
    async with watch.life():
        watch.volumes = [disk(None)]
        await watch.seen()
    watch.volumes = [disk("low")]
    async with watch.life():
        await watch.seen()
        assert await watch.told("hook") == ["disk.low"] * 2
        watch.volumes = [disk("full")]
        await watch.seen()
        assert await watch.told("hook") == ["disk.low"] * 3


async def test_a_new_webhook_hears_of_a_disk_that_is_full_already(watch: Watch) -> None:
    await watch.subscribe("first", "disk.*")
    watch.volumes = [disk("full")]
    async with watch.life():
        await watch.seen()
    await watch.subscribe("second", "disk.*")
    async with watch.life():
        await watch.seen()
    assert await watch.told("first") == await watch.told("second") == ["disk.low"]


async def test_an_engine_is_told_of_when_it_is_not_as_it_was_told_last(watch: Watch) -> None:
    await watch.subscribe("hook", "engine.*", "disk.low")
    await watch.subscribe("downs", "engine.down", "disk.low")
    watch.engines = [engine("starting")]
    async with watch.life():
        await watch.seen()
        assert await watch.told("hook") == []
        watch.engines = [engine("ready")]
        await watch.seen()
    for _ in range(2):
        # Each start finds it starting first, and that is no news.
        watch.engines = [engine("starting")]
        async with watch.life():
            await watch.seen()
            watch.engines = [engine("ready")]
            await watch.seen()
    assert await watch.told("hook") == ["engine.ready"]
    watch.engines = [engine("down")]
    async with watch.life():
        await watch.seen()
        watch.engines = [engine("starting")]
        await watch.seen()
        watch.engines = [engine("ready")]
        await watch.seen()
        watch.engines = [engine("down")]
        await watch.seen()
    assert await watch.told("hook") == [
        "engine.ready", "engine.down", "engine.starting", "engine.ready", "engine.down",
    ]  # fmt: skip
    assert await watch.told("downs") == ["engine.down"] * 2
