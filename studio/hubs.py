"""The hubs: Hugging Face and Civitai, what resolves references to them, and who looks there.

Apart from ``transfers.py``, which fetches what is found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient
from studio.household import Household
from studio.net import Outbound
from studio.services.assets import AssetService
from studio.services.civitai_tools import CivitaiTools
from studio.services.https_source import HttpsSource
from studio.services.hub_search import HubSearch
from studio.services.sources import Sources
from studio.store.model_files import ModelFileStore
from studio.web.civitai_api import civitai_routes


@dataclass(frozen=True, slots=True)
class Hubs:
    """What other services need of them."""

    urls: Mapping[str, str]
    hub: HubClient
    civitai: CivitaiClient
    sources: Sources
    search: HubSearch

    def router(self, files: ModelFileStore, assets: AssetService) -> APIRouter:
        """Everything under ``/api/civitai``."""
        tools = CivitaiTools(
            civitai=self.civitai,
            sources=self.sources,
            hubs=self.urls,
            files=files,
            assets=assets,
        )
        return civitai_routes(tools, self.civitai.base_url)

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
    return Hubs(settings.hub_urls, hub, civitai, sources, search)
