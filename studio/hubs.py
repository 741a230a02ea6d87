"""The hubs: Hugging Face and Civitai, what resolves references to them, and who looks there; and
Civitai's pictures that are kept.

Apart from ``transfers.py``, which fetches what is found here.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient
from studio.household import Household
from studio.net import Outbound
from studio.paths import private_folder
from studio.services.assets import AssetService
from studio.services.civitai_gallery import CivitaiGallery
from studio.services.civitai_keeper import CivitaiKeeper
from studio.services.civitai_recipes import CivitaiRecipes
from studio.services.civitai_tools import CivitaiTools
from studio.services.https_source import HttpsSource
from studio.services.hub_search import HubSearch
from studio.services.presets import PresetService
from studio.services.sources import Sources
from studio.services.thumbnails import Thumbnails
from studio.services.workflows import WorkflowService
from studio.store.blobs import BlobStore
from studio.store.civitai_gallery import CivitaiGalleryStore
from studio.store.model_files import ModelFileStore
from studio.web.civitai_api import civitai_routes
from studio.web.civitai_gallery_api import civitai_gallery_routes


@dataclass(frozen=True, slots=True)
class Hubs:
    """What other services need of them."""

    urls: Mapping[str, str]
    hub: HubClient
    civitai: CivitaiClient
    sources: Sources
    search: HubSearch
    gallery: CivitaiGallery
    keeper: CivitaiKeeper

    def router(
        self,
        files: ModelFileStore,
        assets: AssetService,
        workflows: WorkflowService,
        presets: PresetService,
    ) -> APIRouter:
        """Everything under ``/api/civitai``."""
        tools = CivitaiTools(
            civitai=self.civitai,
            sources=self.sources,
            hubs=self.urls,
            files=files,
            assets=assets,
            gallery=self.gallery,
        )
        base_url = self.civitai.base_url
        recipes = CivitaiRecipes(
            tools=tools, workflows=workflows, presets=presets, base_url=base_url
        )
        router = APIRouter()
        router.include_router(civitai_routes(tools, recipes, base_url))
        router.include_router(
            civitai_gallery_routes(
                gallery=self.gallery,
                keeper=self.keeper,
                tools=tools,
                recipes=recipes,
                base_url=base_url,
            )
        )
        return router

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What is done beside everything else, by name."""
        return [("civitai gallery", self.gallery.run())]

    async def close(self) -> None:
        """Let go of every connection."""
        await self.hub.close()
        await self.civitai.close()


def open_hubs(house: Household, outbound: Outbound) -> Hubs:
    """The clients of both; nobody is asked yet."""
    settings, secret = house.settings, house.settings_service.secret
    hub = HubClient(
        endpoint=settings.hub_urls["HF_TOKEN"],
        token=lambda: secret("HF_TOKEN"),
        outbound=outbound,
    )
    civitai = CivitaiClient(
        base_url=settings.hub_urls["CIVITAI_API_KEY"],
        token=lambda: secret("CIVITAI_API_KEY"),
        outbound=outbound,
    )
    sources = Sources(hubs=settings.hub_urls, hub=hub, civitai=civitai, plain=HttpsSource(outbound))
    search = HubSearch(hub=hub, civitai=civitai, sources=sources)
    gallery, keeper = _gallery(house, civitai)
    return Hubs(settings.hub_urls, hub, civitai, sources, search, gallery, keeper)


def _gallery(house: Household, civitai: CivitaiClient) -> tuple[CivitaiGallery, CivitaiKeeper]:
    root = private_folder(house.settings.studio_dir / "gallery")
    blobs = BlobStore(root / "pictures")
    thumbnails = Thumbnails(root=root / "thumbs", blobs=blobs)
    store = CivitaiGalleryStore(
        house.db,
        blobs,
        forget=thumbnails.remove,
        limit_bytes=house.settings.civitai_gallery_bytes,
    )
    gallery = CivitaiGallery(
        store=store,
        blobs=blobs,
        thumbnails=thumbnails,
        shows_nsfw=house.settings_service.shows_nsfw,
    )
    keeper = CivitaiKeeper(
        civitai=civitai, gallery=gallery, store=store, blobs=blobs, clock=house.clock
    )
    return gallery, keeper
