"""Models: the catalogs, the files that are there, what workflows lack, the disks; and their routes.

Apart from ``app.py`` as ``gallery.py`` is: one noun, whose parts nothing else needs to know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter

from studio.clients.runpod import Volume, read_volume
from studio.clock import Clock
from studio.errors import StudioError
from studio.household import Household
from studio.models import Record
from studio.net import Outbound
from studio.remote import CACHE
from studio.services.catalog import Catalog, offer_entry
from studio.services.disk import DiskService
from studio.services.downloads import Downloads
from studio.services.engine_lists import EngineLists
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.installs import InstallService
from studio.services.jobs import JobService
from studio.services.known_models import KnownModels
from studio.services.lora_choices import LoraChoices
from studio.services.model_actions import ModelActions
from studio.services.model_cache import ModelCache
from studio.services.model_files import ModelFiles, Published
from studio.services.model_manifest import ModelManifest
from studio.services.model_needs import ModelNeeds
from studio.services.model_origins import ModelOrigins
from studio.services.model_users import ModelUsers
from studio.services.reference_looks import ReferenceLooks
from studio.settings import Settings
from studio.store.catalog_files import CatalogFiles
from studio.store.db import Database
from studio.store.disk_usage import DiskUsageStore
from studio.store.downloads import DownloadStore
from studio.store.model_files import ModelFileStore
from studio.store.model_roots import find_roots
from studio.store.workflows import WorkflowStore
from studio.transfers import Transfers
from studio.web.catalog_api import catalog_routes
from studio.web.loras_api import lora_routes
from studio.web.models_api import file_routes, model_routes
from studio.web.references_api import reference_routes
from studio.workshop import Workshop

log = logging.getLogger(__name__)

SHIPPED: Final = Path(__file__).resolve().parents[1] / "catalogs"
OVERLAY: Final = "catalogs"
"""The owner's catalogs, in STUDIO_DIR."""


@dataclass(frozen=True, slots=True)
class OfflineStock:
    """What needs no engine: the catalogs, and the files with what may be done to them."""

    settings: Settings
    clock: Clock
    db: Database
    store: ModelFileStore
    users: ModelUsers
    catalog: Catalog
    files: ModelFiles
    actions: ModelActions
    known: KnownModels
    origins: ModelOrigins

    def routes(self) -> APIRouter:
        """The routes of the command line's own Studio."""
        router = APIRouter()
        installs = InstallService(catalog=self.catalog, files=self.store, downloads=None)
        router.include_router(catalog_routes(catalog=self.catalog, installs=installs))
        router.include_router(
            file_routes(
                files=self.files,
                actions=self.actions,
                known=self.known,
                families=self.catalog.families,
                origins=self.origins,
            )
        )
        return router


@dataclass(frozen=True, slots=True)
class Stock:
    """Everything about models, with engines and with somebody who fetches."""

    base: OfflineStock
    needs: ModelNeeds
    installs: InstallService
    looks: ReferenceLooks
    disk: DiskService
    cache: ModelCache
    jobs: JobService
    lists: EngineLists
    manifest: ModelManifest | None

    @property
    def store(self) -> ModelFileStore:
        """The one store that files are written through; a second one would not see changes."""
        return self.base.store

    def routes(self) -> APIRouter:
        """All routes."""
        router = APIRouter()
        router.include_router(catalog_routes(catalog=self.base.catalog, installs=self.installs))
        router.include_router(reference_routes(self.looks))
        loras = LoraChoices(files=self.base.store, catalog=self.base.catalog)
        router.include_router(lora_routes(loras))
        router.include_router(
            model_routes(
                files=self.base.files,
                actions=self.base.actions,
                known=self.base.known,
                families=self.base.catalog.families,
                origins=self.base.origins,
                needs=self.needs,
                disk=self.disk,
                cache=self.cache,
                jobs=self.jobs,
            )
        )
        return router

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs as long as Studio does, by name."""
        work = [("models", self.base.files.run()), ("model lists", self.lists.run())]
        if self.manifest is not None:
            work.append(("model manifest", self.manifest.run()))
        return work

    async def take(self, published: Published) -> None:
        """Know a file that a download has brought, and have the engines list it."""
        if published.root == CACHE:
            return
        try:
            await self.base.files.adopt(published)
        except StudioError as error:
            # The next scan finds it.
            log.warning("%s is not listed yet: %s", published.name, error.message)
        self.lists.note()

    async def close(self) -> None:
        """Read no further."""
        await asyncio.to_thread(self.base.files.close)


async def open_offline_stock(
    *, settings: Settings, db: Database, clock: Clock, record: Record
) -> OfflineStock:
    """The part that needs no engine, over an opened database."""
    files_of = CatalogFiles(shipped=SHIPPED, overlay=settings.studio_dir / OVERLAY)
    catalog = Catalog(files_of, Outbound(settings.outbound_allow).check)
    await catalog.load()
    roots = find_roots(settings)
    store, users = ModelFileStore(db), ModelUsers(WorkflowStore(db))
    files = ModelFiles(store=store, roots=roots, families=catalog.families, clock=clock)
    actions = ModelActions(
        files=files,
        store=store,
        roots=roots,
        catalog=catalog,
        workflows=users.of,
        record=record,
    )
    origins = ModelOrigins(catalog, DownloadStore(db))
    known = KnownModels(store=store, catalog=catalog)
    return OfflineStock(settings, clock, db, store, users, catalog, files, actions, known, origins)


async def open_stock(
    house: Household,
    workshop: Workshop,
    transfers: Transfers,
    *,
    engines: EngineService,
    jobs: JobService,
    health: HealthService,
) -> Stock:
    """Everything over an opened database."""
    settings = house.settings
    base = await open_offline_stock(
        settings=settings, db=house.db, clock=house.clock, record=house.activity.record
    )

    def hold(reason: str | None) -> None:
        if reason is None:
            health.held.pop("models", None)
        else:
            health.held["models"] = reason

    downloads, manifest = transfers.downloads, None
    if settings.models.manifest is not None:
        manifest = ModelManifest(
            path=settings.models.manifest,
            catalog=base.catalog,
            files=base.files,
            downloads=downloads,
            hold=hold,
            note=health.note,
            judge=transfers.outbound.check,
        )
    stock = Stock(
        base=base,
        needs=ModelNeeds(
            files=base.store,
            catalog=base.catalog,
            engines=engines,
            imports=workshop.imports,
            library=workshop.library,
            hubs=transfers.hubs.search,
        ),
        installs=InstallService(catalog=base.catalog, files=base.store, downloads=downloads),
        looks=ReferenceLooks(
            resolver=transfers.hubs.sources,
            reach=transfers.outbound.areach,
            catalog=base.catalog,
            files=base.store,
        ),
        disk=_disk(settings, base, downloads, transfers.fetching.cache),
        cache=transfers.fetching.cache,
        jobs=jobs,
        lists=EngineLists(engines),
        manifest=manifest,
    )
    downloads.on_published(stock.take)
    workshop.library.offer_models(partial(offer_entry, base.catalog))
    return stock


def _disk(
    settings: Settings, base: OfflineStock, downloads: Downloads, cache: ModelCache
) -> DiskService:
    studio, models, pod = settings.studio_dir, settings.models, settings.models.pod

    async def pod_volume() -> Volume | None:
        return None if pod is None else await read_volume(pod)

    own = {} if models.own_dir is None else {"downloads": models.own_dir}
    return DiskService(
        files=base.store,
        users=base.users,
        usage=DiskUsageStore(base.db),
        folders={
            "thumbs": [studio / "thumbs"],
            "gallery": [studio / "gallery"],
            "database": [studio / "db"],
            "logs": [studio / "logs"],
            "engine": [settings.engine_dir / "output", settings.engine_dir / "temp"],
        },
        cache=cache.usage,
        parts=downloads.room,
        roles={
            "studio": studio,
            "engine": settings.engine_dir,
            "models": settings.model_dir,
            "language models": models.llm_dir,
            "cache": models.cache_dir,
            **own,
        },
        clock=base.clock,
        pod_volume=pod_volume if pod is not None else None,
    )
