"""Webhooks, built in order: who sends, what happens that is told, what people do about them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.clients.webhook_receiver import WebhookReceiver
from studio.household import Household
from studio.pipeline import Pipeline
from studio.services.health import HealthService
from studio.services.pace import Pace
from studio.services.webhook_delivery import WebhookDelivery
from studio.services.webhook_news import WebhookNews
from studio.services.webhook_progress import WebhookProgress
from studio.services.webhooks import WebhookService
from studio.store.outbox_system import SystemOutbox
from studio.store.webhook_deliveries import DeliveryStore
from studio.store.webhook_history import DeliveryHistory
from studio.store.webhooks import WebhookStore
from studio.transfers import Transfers
from studio.web.webhooks_api import webhook_routes


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Who tells others what happens."""

    service: WebhookService
    delivery: WebhookDelivery
    progress: WebhookProgress
    news: WebhookNews
    receiver: WebhookReceiver

    def routes(self) -> list[APIRouter]:
        """What people do about them."""
        return [webhook_routes(self.service)]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What sends, what looks around, what forgets."""
        return [
            ("webhooks", self._send()),
            ("webhook retention", self.delivery.tidy()),
            ("webhook engines", self.news.watch_engines()),
            ("webhook disks", self.news.watch_disks()),
        ]

    async def _send(self) -> None:
        self.progress.begin_all()
        await self.delivery.run()

    async def close(self) -> None:
        """Break off what is under way; the next Studio sends it again."""
        await self.progress.close()
        await self.delivery.close()
        await self.receiver.close()


async def open_webhooks(
    house: Household,
    transfers: Transfers,
    pipeline: Pipeline,
    health: HealthService,
    volumes: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
    pace: Pace,
) -> Webhooks:
    """Everything over an opened database; from here on the outbox knows who listens.

    Args:
        volumes: the disks, and how full they are.
    """
    clock, outbox = house.clock, pipeline.store.outbox
    system = SystemOutbox(house.db, outbox, clock)
    store, history = WebhookStore(house.db), DeliveryHistory(house.db)
    receiver = WebhookReceiver(transfers.outbound, timeout_s=pace.webhook_timeout_s)
    delivery = WebhookDelivery(
        store=DeliveryStore(house.db),
        history=history,
        post=receiver.post,
        clock=clock,
        pace=pace,
        chance=random.SystemRandom().random,
        disabled=lambda webhook_id, reason: service.note_disabled(webhook_id, reason),
    )
    service = WebhookService(
        store=store,
        deliveries=history,
        outbox=outbox,
        outbound=transfers.outbound,
        health=health,
        clock=clock,
        wake=delivery.wake,
        record=house.activity.record,
    )
    progress = WebhookProgress(
        outbox=outbox,
        queue=pipeline.queue,
        clock=clock,
        send=delivery.send_progress,
        address=lambda webhook_id: store.address(webhook_id, clock.now_ms()),
        every_s=pace.webhook_progress_s,
    )
    news = WebhookNews(
        outbox=system,
        engines=health.engines,
        volumes=volumes,
        disk_every_s=pace.webhook_disks_s,
    )
    transfers.rows.store_beside(system.note_download)
    transfers.downloads.on_change(lambda _: outbox.wake())
    await system.open()
    await outbox.open(base=house.settings.public_url, stored=delivery.wake, start=progress.begin)
    return Webhooks(service, delivery, progress, news, receiver)
