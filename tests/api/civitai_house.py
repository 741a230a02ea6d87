"""A Studio in front of a Civitai on loopback, and pictures in the shapes of both."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.api.model_house import open_models
from tests.api.people import OWN_PAGE, PASSWORD
from tests.fakes.civitai import Civitai, running_civitai


def picture(picture_id: int, url: str, **facts: Any) -> dict[str, Any]:
    """A picture in the shape of ``/api/v1/images``."""
    return {
        "id": picture_id,
        "url": url,
        "hash": "UA8N5",
        "width": 832,
        "height": 1216,
        "type": "image",
        "nsfw": False,
        "nsfwLevel": "None",
        "browsingLevel": 1,
        "createdAt": "2025-04-17T21:28:57.225Z",
        "postId": 1,
        "username": "somebody",
        "baseModel": "SDXL 1.0",
        "modelVersionIds": [10],
        "stats": {"likeCount": 3},
        "meta": None,
        **facts,
    }


def png(seed: int = 0, side: int = 8) -> bytes:
    """A picture like no other: noise, which nothing makes smaller."""
    out = io.BytesIO()
    pixels = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(out, "PNG")
    return out.getvalue()


@dataclass
class CivitaiHouse:
    """The owner's client of a Studio, and the Civitai that it asks."""

    client: httpx.AsyncClient
    civitai: Civitai

    def publish(self, picture_id: int, content: bytes | None = None, **facts: Any) -> None:
        """A picture at Civitai; its bytes lie at another host."""
        path = f"pictures/{picture_id}.png"
        self.civitai.origin.serve(path, png(picture_id) if content is None else content)
        url = self.civitai.origin.url(path)
        self.civitai.images.append(picture(picture_id, url, **facts))

    async def collect(self, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/civitai/gallery", json={"version_id": 10, **body})
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def kept(self, query: str = "?version=10") -> dict[str, Any]:
        answer = await self.client.get(f"/api/civitai/gallery{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def be_gone(self) -> None:
        """From now on Civitai answers nothing that anybody could use."""
        self.civitai.forced("/", 500)
        self.civitai.origin.files.clear()

    @contextlib.asynccontextmanager
    async def somebody(self, name: str, role: str = "member") -> AsyncIterator[httpx.AsyncClient]:
        """The browser of somebody who was just invited."""
        link = (await self.client.post("/api/invitations", json={"role": role})).json()["url"]
        async with httpx.AsyncClient(
            transport=self.client._transport, base_url="http://studio", headers=OWN_PAGE
        ) as client:
            body = {"token": link.rpartition("/")[2], "name": name, "password": PASSWORD}
            answer = await client.post("/api/join", json=body)
            assert answer.status_code == 200, answer.text
            yield client


@contextlib.asynccontextmanager
async def open_civitai_house(folder: Path, **environ: str) -> AsyncIterator[CivitaiHouse]:
    """A Studio that knows one Civitai, which has no models yet."""
    async with running_civitai() as civitai:
        known = {"CIVITAI_URL": civitai.base, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
        async with open_models(folder, **known, **environ) as client:
            yield CivitaiHouse(client, civitai)


def ids(answer: dict[str, Any]) -> list[int]:
    return [item["id"] for item in answer["items"]]
