"""Links of a house, and visitors who open them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.api.house import House
from tests.api.people import OWN_PAGE
from tests.api.presets import good

PASSWORD = "canary-share-password-7c1d"


async def shared(client: httpx.AsyncClient, kind: str, target: str, **fields: Any) -> str:
    """Share something and return the path of its API, which has the token."""
    body = {"kind": kind, "target": target, **fields}
    link = good(await client.post("/api/share-links", json=body), 201)
    start, _, token = link["url"].rpartition("/s/")
    assert start == "http://studio"
    assert len(token) == 43
    assert token.startswith(link["start"])
    return f"/api/shares/{token}"


async def links(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list(good(await client.get("/api/share-links"))["items"])


@contextlib.asynccontextmanager
async def visitor(house: House, address: str = "198.51.100.7") -> AsyncIterator[httpx.AsyncClient]:
    """The browser of somebody without an account, at an address."""
    transport = httpx.ASGITransport(
        app=house.app, raise_app_exceptions=False, client=(address, 4000)
    )
    async with httpx.AsyncClient(
        transport=transport, base_url="http://studio", headers=OWN_PAGE
    ) as client:
        yield client


async def enter(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """Begin a visit, and return what the link says of itself."""
    return good(await client.post(f"{path}/visit", json=body))
