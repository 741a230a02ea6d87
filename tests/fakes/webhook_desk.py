"""Deliveries of webhooks over a real database, with receivers and a clock that tests move."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from studio.clients.webhook_receiver import Answer
from studio.clock import FrozenClock
from studio.models import OWNER_ID
from studio.services.pace import Pace
from studio.services.webhook_delivery import WebhookDelivery
from studio.store.db import Database
from studio.store.migrations import migrate
from studio.store.outbox import Outbox, insert, message
from studio.store.webhook_deliveries import DeliveryStore
from studio.store.webhook_history import DeliveryHistory
from studio.store.webhooks import Webhook, WebhookStore
from studio.webhook_events import body_of
from studio.webhook_signing import new_secret


@dataclass
class Desk:
    """Everything that sends, over a database, and receivers that answer ``answer``, or never."""

    db: Database
    clock: FrozenClock
    outbox: Outbox
    history: DeliveryHistory
    store: WebhookStore
    delivery: WebhookDelivery
    webhook_id: str
    posts: list[int]
    disabled: list[tuple[str, str]]
    answer: Answer = field(default_factory=lambda: Answer(500, "status", "", 1))
    breaks_off: bool = False
    held: asyncio.Event | None = None
    """Answers wait for it."""
    hanging: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    """How often a receiver was asked, by its URL."""

    async def add(self, webhook_id: str, user_id: str) -> str:
        """One more webhook of the system, and where it is."""
        now_ms, url = self.clock.now_ms(), f"https://example.org/{webhook_id}"
        webhook = Webhook(
            id=webhook_id,
            user_id=user_id,
            user_name="",
            kind="system",
            name="",
            url=url,
            events=("disk.low",),
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self.store.add(webhook, new_secret(), most=20)
        await self.outbox.load()
        return url

    async def tell(self, key: str, about: str | None = None) -> None:
        """One thing happened to the system; what is told about the same goes in its order."""
        now_ms = self.clock.now_ms()
        body = body_of("disk.low", now_ms, {"level": "low"})
        told = [
            message(one, key, "disk.low", about or key, body, now_ms)
            for one in self.outbox.of_the_system
        ]
        await self.db.write(lambda connection: insert(connection, told))
        self.delivery.wake()

    async def attempts(self, count: int) -> None:
        """Until that many attempts were made and noted."""
        async with asyncio.timeout(20):
            while True:
                found = await self.history.page(self.webhook_id, state=None, before=None, limit=200)
                if sum(one.attempts for one in found) >= count:
                    return
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """It sends until the block ends."""
    db = Database(folder / "studio.db")

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)

    await db.open(prepare)
    clock = FrozenClock(int(time.time() * 1000))
    posts: list[int] = []
    disabled: list[tuple[str, str]] = []

    async def post(url: str, _body: bytes, _headers: dict[str, str]) -> Answer:
        posts.append(clock.now_ms())
        made.asked[url] += 1
        if url in made.hanging:
            await asyncio.Event().wait()
        if made.held is not None:
            await made.held.wait()
        if made.breaks_off:
            raise RuntimeError("the client is closed")
        return made.answer

    async def note(webhook_id: str, reason: str) -> None:
        disabled.append((webhook_id, reason))

    store, history, outbox = WebhookStore(db), DeliveryHistory(db), Outbox(db)
    delivery = WebhookDelivery(
        store=DeliveryStore(db),
        history=history,
        post=post,
        clock=clock,
        pace=Pace(),
        chance=lambda: 0.0,
        disabled=note,
    )
    webhook = Webhook(
        id="hook",
        user_id=OWNER_ID,
        user_name="",
        kind="system",
        name="",
        url="https://example.org/",
        events=("disk.low",),
        created_at=clock.now_ms(),
        updated_at=clock.now_ms(),
    )
    await store.add(webhook, new_secret(), most=20)
    await outbox.open(base=None, stored=delivery.wake, start=lambda _: None)
    made = Desk(db, clock, outbox, history, store, delivery, webhook.id, posts, disabled)
    task = asyncio.create_task(delivery.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await delivery.close()
    await db.close()
