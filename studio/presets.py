"""Saved prompts, presets and batches, built in order, and their routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter

from studio.clock import Clock
from studio.services.assets import AssetService
from studio.services.batches import BatchService
from studio.services.grid_picture import GridPictures
from studio.services.jobs import JobService
from studio.services.presets import PresetService
from studio.services.prompts import PromptService
from studio.services.thumbnails import Thumbnails
from studio.services.workflows import WorkflowService
from studio.store.assets import AssetStore
from studio.store.batches import BatchStore
from studio.store.db import Database
from studio.store.presets import PresetStore
from studio.store.prompts import PromptStore, WordListStore
from studio.web.batches_api import batch_routes
from studio.web.links import Links
from studio.web.presets_api import preset_routes
from studio.web.prompts_api import prompt_routes


@dataclass(frozen=True, slots=True)
class Presets:
    """The services that know what people saved, and run it."""

    prompts: PromptService
    presets: PresetService
    batches: BatchService
    thumbnails: Thumbnails

    def routes(self, links: Links) -> APIRouter:
        """Everything over HTTP about prompts, word lists, presets and batches."""
        router = APIRouter()
        router.include_router(prompt_routes(self.prompts))
        router.include_router(
            preset_routes(
                presets=self.presets,
                batches=self.batches,
                thumbnails=self.thumbnails,
                links=links,
            )
        )
        pictures = GridPictures(self.thumbnails)
        router.include_router(batch_routes(batches=self.batches, pictures=pictures))
        return router


def build_presets(
    *,
    db: Database,
    workflows: WorkflowService,
    jobs: JobService,
    assets: AssetService,
    pictures: AssetStore,
    thumbnails: Thumbnails,
    clock: Clock,
    record: Callable[..., None],
) -> Presets:
    """The services over an opened database.

    Args:
        record: told what people did.
    """
    presets = PresetStore(db)
    prompts = PromptService(prompts=PromptStore(db), lists=WordListStore(db), clock=clock)
    return Presets(
        prompts=prompts,
        presets=PresetService(
            presets=presets,
            workflows=workflows,
            assets=assets,
            pictures=pictures,
            clock=clock,
            record=record,
        ),
        batches=BatchService(
            batches=BatchStore(db),
            presets=presets,
            prompts=prompts,
            workflows=workflows,
            jobs=jobs,
            assets=pictures,
            clock=clock,
            record=record,
        ),
        thumbnails=thumbnails,
    )
