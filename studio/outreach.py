"""What answers, tells and is lent out: parts that need all others, and that no other part needs."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.agents import open_agents
from studio.chat import open_chat
from studio.drawing import open_drawing
from studio.errors import StudioError
from studio.gallery import Gallery
from studio.household import Controls, Household
from studio.language import open_language
from studio.membership import open_membership
from studio.pipeline import Pipeline
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.history import HistoryService
from studio.services.live import Live
from studio.services.metrics import Metrics
from studio.services.pace import Pace
from studio.services.queue import JobQueue
from studio.services.queue_control import QueueControl
from studio.services.thumbnails import Thumbnails
from studio.services.uploads import UploadService
from studio.shares import open_shares
from studio.stock import Stock
from studio.store.blobs import BlobStore
from studio.store.secrets import SecretStore
from studio.telegram import open_telegram
from studio.transfers import Transfers
from studio.web.links import Links
from studio.web.origins import PublicAddress
from studio.webhooks import open_webhooks
from studio.workshop import Workshop

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that is there before them, opened."""

    house: Household
    controls: Controls
    accounts: Accounts
    pipeline: Pipeline
    queue: JobQueue
    control: QueueControl
    history: HistoryService
    engines: EngineService
    health: HealthService
    metrics: Metrics
    assets: AssetService
    blobs: BlobStore
    thumbnails: Thumbnails
    uploads: UploadService
    secrets: SecretStore
    gallery: Gallery
    workshop: Workshop
    transfers: Transfers
    stock: Stock
    live: Live
    links: Links
    address: PublicAddress
    pace: Pace


class Part(Protocol):
    """One noun with its services."""

    def routes(self) -> Sequence[APIRouter]:
        """What it answers."""
        ...

    def background(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        ...

    async def close(self) -> None:
        """End what it began."""
        ...


@dataclass(frozen=True, slots=True)
class Outreach:
    """All of them, in the order in which they were built."""

    parts: Sequence[Part]

    def routes(self) -> list[APIRouter]:
        """What all of them answer."""
        return [router for part in self.parts for router in part.routes()]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What all of them run."""
        return [work for part in self.parts for work in part.background()]

    async def close(self) -> None:
        """The last one first; one whose last words cannot be stored holds up no other."""
        for part in reversed(self.parts):
            try:
                await part.close()
            except StudioError as error:
                log.warning("not everything was kept while Studio ended: %s", error.message)


async def open_outreach(around: Surroundings) -> Outreach:
    """Build each part over what is there, and over the parts before it."""
    drawing = open_drawing(
        around.house,
        accounts=around.accounts,
        pipeline=around.pipeline,
        workshop=around.workshop,
        assets=around.assets,
        links=around.links,
    )
    language = await open_language(
        around.house,
        around.transfers,
        around.accounts,
        stock=around.stock,
        engines=around.engines,
        gpus=around.controls.gpus,
        metrics=around.metrics,
        also=drawing.models.drawing_models,
    )
    agents = open_agents(
        drawing.drawings,
        accounts=around.accounts,
        pipeline=around.pipeline,
        workshop=around.workshop,
        gallery=around.gallery,
        stock=around.stock,
        transfers=around.transfers,
        assets=around.assets,
        links=around.links,
    )
    membership = open_membership(around.house, around.accounts, around.links)
    webhooks = await open_webhooks(
        around.house,
        around.transfers,
        around.pipeline,
        around.health,
        around.stock.disk.volumes,
        around.pace,
    )
    shares = await open_shares(
        house=around.house,
        accounts=around.accounts,
        workshop=around.workshop,
        gallery=around.gallery,
        jobs=around.pipeline.jobs,
        assets=around.assets,
        thumbnails=around.thumbnails,
        address=around.address,
        links=around.links,
    )
    chat = await open_chat(
        around.house,
        around.workshop,
        around.accounts,
        assets=around.assets,
        jobs=around.pipeline.jobs,
        history=around.history,
        language=language.language,
        feed=around.live.feed,
    )
    telegram = open_telegram(
        around.house,
        around.workshop,
        around.accounts,
        language=language.language,
        chat=chat,
        jobs=around.pipeline.jobs,
        queue=around.queue,
        control=around.control,
        health=around.health,
        disk=around.stock.disk,
        assets=around.assets,
        address=around.links.lasting_url,
    )
    return Outreach([drawing, language, agents, membership, webhooks, shares, chat, telegram])
