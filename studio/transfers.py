"""What comes in from elsewhere, built in order: downloads and uploads in parts.

Apart from ``app.py`` as ``household.py`` is.
"""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter

from studio.clients.media import MediaClient
from studio.clients.transfer.throttle import Throttle
from studio.clients.transfer.transfer import Transfer
from studio.household import Household
from studio.hubs import Hubs, open_hubs
from studio.net import Outbound
from studio.remote import CACHE, RemoteFile
from studio.services.assets import AssetService
from studio.services.download_credentials import LentCredentials
from studio.services.download_runs import Means, PublishedFile
from studio.services.download_work import DownloadWork
from studio.services.downloads import Downloads
from studio.services.fetch_plans import FetchMeans
from studio.services.model_cache import ModelCache
from studio.services.model_uploads import ModelUploads
from studio.services.presets import PresetService
from studio.services.quotas import QuotaService
from studio.services.shelves import Shelves
from studio.services.source_tokens import SourceTokens
from studio.services.upload_fields import Shelve
from studio.services.uploads import UploadService
from studio.services.workflows import WorkflowService
from studio.settings import Settings
from studio.store.blobs import BlobStore
from studio.store.downloads import DownloadStore
from studio.store.model_cache import ModelCacheStore
from studio.store.model_files import ModelFileStore
from studio.store.model_roots import find_roots
from studio.store.part_files import PartFile
from studio.store.prefs import PrefStore
from studio.store.secrets import SecretStore
from studio.store.upload_files import UploadFiles
from studio.store.uploads import UploadStore
from studio.tls import trusted
from studio.web.downloads_api import download_routes

_THREADS: Final = 24
"""More than all downloads at once need, each of them one at a time."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """What other services need of it."""

    house: Household
    hubs: Hubs
    downloads: Downloads
    work: DownloadWork
    fetching: FetchMeans
    outbound: Outbound
    shelve: Shelve
    rows: DownloadStore

    def uploads(
        self, assets: AssetService, blobs: BlobStore, quotas: QuotaService
    ) -> UploadService:
        """Files that come in parts."""
        settings = self.house.settings
        return UploadService(
            uploads=UploadStore(self.house.db, blobs),
            files=UploadFiles(settings.studio_dir / "assets" / "uploads"),
            assets=assets,
            blobs=blobs,
            clock=self.house.clock,
            quotas=quotas,
            max_bytes=settings.max_asset_bytes,
        )

    def router(
        self,
        files: ModelFileStore,
        assets: AssetService,
        workflows: WorkflowService,
        presets: PresetService,
    ) -> APIRouter:
        """Everything under ``/api/downloads`` and about the hubs.

        Args:
            files: the one that the model files are written through: it knows when they change.
        """
        router = APIRouter()
        router.include_router(download_routes(self.downloads))
        router.include_router(self.hubs.router(files, assets, workflows, presets))
        return router

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        return [("downloads", self.downloads.run()), *self.hubs.background()]


async def open_transfers(house: Household) -> Transfers:
    """The services, with what an earlier Studio left taken up."""
    settings, outbound = house.settings, Outbound(house.settings.outbound_allow)
    throttle, tls = Throttle(), trusted()
    tokens = LentCredentials(SourceTokens(settings.hub_urls, house.settings_service.secret))
    hubs, store = open_hubs(house, outbound), DownloadStore(house.db)

    def fetching(remote: RemoteFile, part: PartFile) -> Transfer:
        return Transfer(
            remote=remote,
            part=part,
            outbound=outbound,
            tokens=tokens,
            throttle=throttle,
            tls=tls,
        )

    means = Means(
        resolver=hubs.sources,
        shelves=_shelves(settings),
        fetching=fetching,
        part=PartFile,
        owner=await store.owner(),
        threads=ThreadPoolExecutor(_THREADS, thread_name_prefix="download"),
        entrusted=tokens.remote,
    )
    record = house.activity.record
    work = DownloadWork(store=store, means=means, clock=house.clock, record=record)
    downloads = Downloads(
        store=store,
        work=work,
        means=means,
        throttle=throttle,
        clock=house.clock,
        check_reference=hubs.sources.check,
        record=record,
    )
    await downloads.open()
    cache = ModelCache(
        store=ModelCacheStore(house.db, settings.models.cache_dir),
        limit_bytes=settings.cache_size_bytes,
        clock=house.clock,
    )
    await cache.open()

    async def cached(file: PublishedFile) -> None:
        if file.root == CACHE:
            await cache.take((file.folder, file.name))

    downloads.on_published(cached)
    models = ModelUploads(
        shelves=means.shelves, owner=means.owner, threads=means.threads, tell=work.tell
    )
    for_jobs = FetchMeans(
        downloads,
        cache,
        check_reference=hubs.sources.check,
        check_url=outbound.check,
        media=MediaClient(outbound),
        lent=tokens,
        secrets=SecretStore(house.db),
        key=await PrefStore(house.db).signing_key(),
    )
    return Transfers(house, hubs, downloads, work, for_jobs, outbound, models.shelve, store)


def _shelves(settings: Settings) -> Shelves:
    """Where files go: to the roots that the model files are read from."""
    roots = find_roots(settings)
    return Shelves(models=roots.own or roots.models, llm=roots.llm, cache=settings.models.cache_dir)
