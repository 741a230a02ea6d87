"""Pictures for programs that speak OpenAI's protocol, built in order: who draws, and the routes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.household import Household
from studio.pipeline import Pipeline
from studio.services.assets import AssetService
from studio.services.drawing_models import DrawingModels
from studio.services.drawings import Drawings
from studio.store.drawing import DrawingStore
from studio.web.drawing_api import drawing_model_routes
from studio.web.images_api import image_routes
from studio.web.job_events import StreamLimit
from studio.web.links import Links
from studio.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Drawing:
    """Who draws under which name, and how."""

    models: DrawingModels
    drawings: Drawings
    links: Links
    accounts: Accounts
    now_ms: Callable[[], int]

    def routes(self) -> list[APIRouter]:
        """Pictures, and what draws them."""
        return [
            drawing_model_routes(self.models),
            image_routes(
                drawings=self.drawings,
                links=self.links,
                limit=StreamLimit(),
                now_ms=self.now_ms,
                is_live=self.accounts.is_live,
            ),
        ]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """Nothing runs by itself."""
        return []

    async def close(self) -> None:
        """Nothing is held: jobs go on without whoever waits for them."""


def open_drawing(
    house: Household,
    *,
    accounts: Accounts,
    pipeline: Pipeline,
    workshop: Workshop,
    assets: AssetService,
    links: Links,
) -> Drawing:
    """The services over an opened database."""
    store = DrawingStore(house.db)
    models = DrawingModels(
        store=store,
        presets=workshop.presets.presets,
        workflows=workshop.workflows,
        clock=house.clock,
        record=house.activity.record,
    )
    drawings = Drawings(
        models=models,
        creation=workshop.creation,
        batches=workshop.presets.batches,
        jobs=pipeline.jobs,
        assets=assets,
        store=store,
        clock=house.clock,
    )
    return Drawing(models, drawings, links, accounts, house.clock.now_ms)
