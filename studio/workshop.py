"""Everything about workflows, built in order: the folders, what runs and keeps them, routes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from studio.household import Household
from studio.presets import Presets, build_presets
from studio.services.assets import AssetService
from studio.services.creation import CreationService
from studio.services.engines import EngineService
from studio.services.jobs import JobService
from studio.services.thumbnails import Thumbnails
from studio.services.workflow_folders import WorkflowFolders
from studio.services.workflow_imports import WorkflowImports
from studio.services.workflow_library import WorkflowLibrary
from studio.services.workflows import WorkflowService
from studio.store.assets import AssetStore
from studio.store.workflows import WorkflowStore
from studio.web.create_api import create_routes
from studio.web.links import Links
from studio.web.workflows_api import workflow_routes

SHIPPED: Final = Path(__file__).resolve().parents[1] / "workflows"
OVERLAY: Final = "workflows"
"""The owner's folders, in STUDIO_DIR."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The services that know workflows."""

    workflows: WorkflowService
    library: WorkflowLibrary
    imports: WorkflowImports
    folders: WorkflowFolders
    creation: CreationService
    presets: Presets

    def routes(self, links: Links) -> APIRouter:
        """Everything over HTTP about making things of workflows."""
        router = APIRouter()
        router.include_router(create_routes(self.creation, links))
        router.include_router(
            workflow_routes(
                library=self.library,
                workflows=self.workflows,
                imports=self.imports,
                folders=self.folders,
                links=links,
            )
        )
        router.include_router(self.presets.routes(links))
        return router


async def open_workshop(
    *,
    house: Household,
    jobs: JobService,
    assets: AssetService,
    pictures: AssetStore,
    thumbnails: Thumbnails,
    engines: EngineService,
) -> Workshop:
    """The services over an opened database, with the folders as they are now."""
    settings, db, clock = house.settings, house.db, house.clock
    record = house.activity.record
    store = WorkflowStore(db)
    roots = (SHIPPED, settings.studio_dir / OVERLAY)
    folders = WorkflowFolders(workflows=store, roots=roots, clock=clock)
    await folders.load()
    workflows = WorkflowService(workflows=store, jobs=jobs, assets=assets, engines=engines)
    return Workshop(
        workflows=workflows,
        library=WorkflowLibrary(workflows=store, engines=engines, clock=clock, record=record),
        imports=WorkflowImports(engines=engines, assets=assets),
        folders=folders,
        creation=CreationService(workflows=workflows, engines=engines),
        presets=build_presets(
            db=db,
            workflows=workflows,
            jobs=jobs,
            assets=assets,
            pictures=pictures,
            thumbnails=thumbnails,
            clock=clock,
            record=record,
        ),
    )
