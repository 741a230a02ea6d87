"""Both hubs on loopback, and Studio's view of them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient
from studio.errors import (
    StudioError,
)
from studio.models import OWNER_ID, ROLE_SCOPES, Identity, Role
from studio.net import Outbound
from studio.services.https_source import HttpsSource
from studio.services.hub_search import HubSearch
from studio.services.sources import Sources
from studio.settings import Secret
from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.hub import Hub, Repository, running_hub

BYTES = b"bytes of a model"
SHA = hashlib.sha256(BYTES).hexdigest()
HF_KEY, CIVITAI_KEY = "hf_canary-of-the-hub", "canary-of-civitai"
ALLOWED = ("127.0.0.0/8", "localhost")
OWNER = Identity(OWNER_ID, Role.OWNER, ROLE_SCOPES[Role.OWNER], session_id="s")


@dataclass
class Place:
    """Both hubs, and Studio's view of them."""

    hub: Hub
    civitai: Civitai
    sources: Sources
    search: HubSearch
    tokens: dict[str, str] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def open_place(allow: tuple[str, ...] = ALLOWED) -> AsyncIterator[Place]:
    tokens: dict[str, str] = {}

    def secret(name: str) -> Secret | None:
        return Secret(tokens[name]) if name in tokens else None

    async with running_hub() as hub, running_civitai() as civitai:
        hub.tokens, civitai.keys = {HF_KEY}, {CIVITAI_KEY}
        outbound = Outbound(allow)
        hub_client = HubClient(
            endpoint=hub.base, token=lambda: secret("HF_TOKEN"), outbound=outbound
        )
        civitai_client = CivitaiClient(
            base_url=civitai.base, token=lambda: secret("CIVITAI_API_KEY"), outbound=outbound
        )
        hubs = {"HF_TOKEN": hub.base, "CIVITAI_API_KEY": civitai.base}
        sources = Sources(
            hubs=hubs, hub=hub_client, civitai=civitai_client, plain=HttpsSource(outbound)
        )
        search = HubSearch(hub=hub_client, civitai=civitai_client, sources=sources)
        try:
            yield Place(hub, civitai, sources, search, tokens)
        finally:
            await hub_client.close()
            await civitai_client.close()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A file at each hub, with the same bytes."""
    async with open_place() as place:
        place.hub.repositories["a/model"] = Repository(
            lfs={"d/one.safetensors": BYTES},
            small={"config.json": b"{}"},
            card={"license": "apache-2.0"},
        )
        place.civitai.add_model(
            1, place.civitai.version(10, (100, "ink.safetensors", BYTES), (101, "ink.vae.pt", b"v"))
        )
        yield place


async def refused(place: Place, reference: str) -> StudioError:
    with pytest.raises(StudioError) as error:
        await place.sources.resolve(reference, OWNER)
    said = f"{error.value.message} {error.value.details}"
    assert HF_KEY not in said
    assert CIVITAI_KEY not in said
    return error.value
