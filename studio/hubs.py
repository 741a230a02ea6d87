"""The hubs: Hugging Face and CivitAI, what resolves references to them, and who looks there.

Apart from ``app.py`` as ``transfers.py`` is, which fetches what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient
from studio.household import Household
from studio.net import Outbound
from studio.services.https_source import HttpsSource
from studio.services.hub_search import HubSearch
from studio.services.sources import Sources


@dataclass(frozen=True, slots=True)
class Hubs:
    """What other services need of them."""

    hub: HubClient
    civitai: CivitaiClient
    sources: Sources
    search: HubSearch

    async def close(self) -> None:
        """Let go of every connection."""
        await self.hub.close()
        await self.civitai.close()


def open_hubs(house: Household) -> Hubs:
    """The clients of both; nobody is asked yet."""
    settings, secret = house.settings, house.settings_service.secret
    outbound = Outbound(settings.outbound_allow)
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
    return Hubs(hub, civitai, sources, search)
