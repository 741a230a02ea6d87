"""Everything about workflows, built in order: the folders, the service that runs them, routes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.clock import Clock
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.jobs import JobService
from studio.services.workflow_folders import WorkflowFolders
from studio.services.workflows import WorkflowService
from studio.store.db import Database
from studio.store.workflows import WorkflowStore

SHIPPED: Final = Path(__file__).resolve().parents[1] / "workflows"
OVERLAY: Final = "workflows"
"""The owner's folders, in STUDIO_DIR."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The services that know workflows."""

    workflows: WorkflowService
    folders: WorkflowFolders


async def open_workshop(
    *,
    db: Database,
    studio_dir: Path,
    jobs: JobService,
    assets: AssetService,
    engines: EngineService,
    clock: Clock,
) -> Workshop:
    """The services over an opened database, with the folders as they are now."""
    store = WorkflowStore(db)
    folders = WorkflowFolders(workflows=store, roots=(SHIPPED, studio_dir / OVERLAY), clock=clock)
    await folders.load()
    return Workshop(
        workflows=WorkflowService(
            workflows=store, jobs=jobs, assets=assets, engines=engines, clock=clock
        ),
        folders=folders,
    )
