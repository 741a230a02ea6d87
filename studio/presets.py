"""Saved prompts, presets and batches, built in order; what ``app.py`` serves of them."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from studio.clock import Clock
from studio.services.assets import AssetService
from studio.services.batches import BatchService
from studio.services.grid_picture import GridPictures
from studio.services.jobs import JobService
from studio.services.presets import PresetService
from studio.services.prompts import PromptService
from studio.services.queue import JobQueue
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


def preset_router(
    *,
    db: Database,
    workflows: WorkflowService,
    jobs: JobService,
    queue: JobQueue,
    assets: AssetService,
    pictures: AssetStore,
    thumbnails: Thumbnails,
    links: Links,
    clock: Clock,
    record: Callable[..., None],
) -> APIRouter:
    """Every route of prompts, word lists, presets and batches.

    Args:
        record: tells the activity log: who, what kind of thing, which, and facts by name.
    """
    presets = PresetStore(db)
    prompts = PromptService(prompts=PromptStore(db), lists=WordListStore(db), clock=clock)
    batches = BatchService(
        batches=BatchStore(db),
        presets=presets,
        prompts=prompts,
        workflows=workflows,
        jobs=jobs,
        queue=queue,
        assets=pictures,
        clock=clock,
        record=record,
    )
    saved = PresetService(
        presets=presets,
        workflows=workflows,
        assets=assets,
        pictures=pictures,
        clock=clock,
        record=record,
    )
    router = APIRouter()
    router.include_router(prompt_routes(prompts))
    router.include_router(
        preset_routes(presets=saved, batches=batches, thumbnails=thumbnails, links=links)
    )
    router.include_router(batch_routes(batches=batches, pictures=GridPictures(thumbnails)))
    return router
